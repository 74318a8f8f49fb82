"""Generative networks: a variational autoencoder, and adversaries with an optimizer each and a step of their own."""

from __future__ import annotations

import numpy as np

from networks.base import Kind, Running


def variational(n, x):
    """Kingma, Welling, 2013, https://arxiv.org/abs/1312.6114."""
    hidden = n.dense(x, 256, "relu")
    code = n.sample(n.dense(hidden, 16), n.dense(hidden, 16))
    return n.dense(n.dense(code, 256, "relu"), 784)


def generator(n, z):
    return n.dense(n.dense(z, 128, "leaky_relu"), 784, "sigmoid")


def discriminator(n, x):
    return n.dense(n.dense(x, 128, "leaky_relu"), 1)


def painter(n, z):
    """Radford et al., 2015, https://arxiv.org/abs/1511.06434: narrower."""
    x = n.reshape(n.dense(z, 7 * 7 * 32, "leaky_relu"), (7, 7, 32))
    x = n.act(n.transposed(x, 32, 2), "leaky_relu")
    return n.act(n.transposed(x, 1, 2), "sigmoid")


def critic(n, x):
    for filters in (16, 32):
        x = n.act(n.conv(x, filters, 3, strides=2), "leaky_relu")
    return n.dense(n.flatten(x), 1)


def pictures(rng, rows):
    x = rng.random((rows, 784), dtype="float32")
    return (x,), x


def noise_and(shape):
    def make(rng, rows):
        z = rng.standard_normal((rows, 32)).astype("float32")
        return (z, rng.random((rows, *shape), dtype="float32")), np.zeros(rows, "float32")

    return make


def adversaries(generate, judge):
    """The step of Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661, in each library.

    The discriminator tells real from generated rows (1 and 0), then the generator makes it say 1. The loss reported is
    the first one.
    """

    def autonet(kind: Kind, small: bool) -> Running:
        import autonet as keras
        from networks.keras_net import functional, optimizer, through_fit

        ops = keras.ops
        (z, real), _ = kind.arrays(small)

        class Gan(keras.Model):
            def __init__(self):
                super().__init__()
                self.generator = functional(keras, generate, (z,))
                self.judge = functional(keras, judge, (real,))

            def train_step(self, data):
                z, real = data[0]
                told = self.judge.trainable_variables
                made = self.generator.trainable_variables

                def told_apart(_):
                    fake = keras.stop_gradient(self.generator(z, training=True))
                    verdicts = self.judge(real, training=True), self.judge(fake, training=True)
                    return ops.mean(ops.softplus(-verdicts[0])) + ops.mean(ops.softplus(verdicts[1]))

                def found_out(_):
                    return ops.mean(ops.softplus(-self.judge(self.generator(z, training=True), training=True)))

                loss, gradients = keras.value_and_grad(told_apart)(told)
                self.optimizer.apply(gradients, told)
                self.second.apply(keras.grad(found_out)(made), made)
                return {"loss": loss}

        model = Gan()
        model.compile(optimizer(keras, kind))
        model.second = optimizer(keras, kind)
        return through_fit(model, kind, (z, real), None)

    def torch(kind: Kind, small: bool, compiled: bool) -> Running:
        import torch
        from torch.nn.functional import softplus

        from networks.torch_net import build, tensor

        z, real = (tensor(a) for a in kind.arrays(small)[0])
        nets = build(generate, [z[:2]]), build(judge, [real[:2]])
        optimizers = [torch.optim.Adam(net.parameters(), 0.001) for net in nets]
        generator, discriminator = (torch.compile(net) for net in nets) if compiled else nets

        def step(rows):
            with torch.no_grad():
                fake = generator(z[rows])
            loss = softplus(-discriminator(real[rows])).mean() + softplus(discriminator(fake)).mean()
            optimizers[1].zero_grad()
            loss.backward()
            optimizers[1].step()
            optimizers[0].zero_grad()
            softplus(-discriminator(generator(z[rows]))).mean().backward()
            optimizers[0].step()
            return loss

        def walk():
            for rows in torch.randperm(len(z)).split(kind.batch):
                step(rows)

        return Running(lambda: step(torch.arange(kind.batch)).item(), walk, len(z) // kind.batch)

    def jax(kind: Kind, small: bool) -> Running:
        import jax

        from networks.jax_net import JaxNet, adam, build, slots_of

        (z, real), _ = kind.arrays(small)
        softplus = jax.nn.softplus
        generated = lambda p, z: generate(JaxNet(p, None), z)
        verdict = lambda p, x: judge(JaxNet(p, None), x)

        def update(state, z, real):
            made, told, a, b = state
            fake = generated(made, z)
            apart = lambda p: softplus(-verdict(p, real)).mean() + softplus(verdict(p, fake)).mean()
            loss, g = jax.value_and_grad(apart)(told)
            told, b = adam(told, g, b)
            g = jax.grad(lambda p: softplus(-verdict(told, generated(p, z))).mean())(made)
            made, a = adam(made, g, a)
            return (made, told, a, b), loss

        step = jax.jit(update, donate_argnums=0)
        weights = [jax.tree.map(jax.numpy.array, build(f, [a[:2]])) for f, a in ((generate, z), (judge, real))]
        return through_steps(kind, step, (*weights, *map(slots_of, weights)), z, real)

    def keras(kind: Kind, small: bool) -> Running:
        import jax
        import keras

        from networks.keras_net import functional, optimizer

        (z, real), _ = kind.arrays(small)
        nets = functional(keras, generate, (z,)), functional(keras, judge, (real,))
        optimizers = [optimizer(keras, kind) for _ in nets]
        for o, net in zip(optimizers, nets, strict=True):
            o.build(net.trainable_variables)
        softplus = jax.nn.softplus
        call = lambda net, weights, x: net.stateless_call(weights, [], x, training=True)[0]

        def update(state, z, real):
            made, told, a, b = state
            fake = call(nets[0], made, z)
            apart = lambda p: softplus(-call(nets[1], p, real)).mean() + softplus(call(nets[1], p, fake)).mean()
            loss, g = jax.value_and_grad(apart)(told)
            told, b = optimizers[1].stateless_apply(b, g, told)
            g = jax.grad(lambda p: softplus(-call(nets[1], told, call(nets[0], p, z))).mean())(made)
            made, a = optimizers[0].stateless_apply(a, g, made)
            return (made, told, a, b), loss

        step = jax.jit(update, donate_argnums=0)
        weights = [[v.value for v in net.trainable_variables] for net in nets]
        return through_steps(kind, step, (*weights, *[[v.value for v in o.variables] for o in optimizers]), z, real)

    return {"autonet": autonet, "torch": torch, "jax": jax, "keras": keras}


def through_steps(kind: Kind, step, state, *inputs) -> Running:
    """A jitted step of JAX, which takes its state and rows of the inputs, at work."""
    import jax

    draws = np.random.default_rng(2)

    def first():
        nonlocal state
        state, loss = step(state, *[a[: kind.batch] for a in inputs])
        return float(loss)

    def walk():
        nonlocal state
        order = draws.permutation(len(inputs[0]))
        for low in range(0, len(order), kind.batch):
            rows = order[low : low + kind.batch]
            state, _ = step(state, *[a[rows] for a in inputs])
        jax.block_until_ready(state)

    return Running(first, walk, len(inputs[0]) // kind.batch)


KINDS = {
    "vae": Kind("VAE 784-256-16-256-784, batch 128, Adam", variational, pictures, 128, 16, loss="mse", close=0.05),
    "gan": Kind(
        "GAN 32-128-784-128-1, two optimizers, batch 64, Adam",
        data=noise_and((784,)),
        batch=64,
        steps=16,
        custom=adversaries(generator, discriminator),
    ),
    "dcgan": Kind(
        "convolutional GAN 28x28, two optimizers, batch 32, Adam",
        data=noise_and((28, 28, 1)),
        batch=32,
        steps=8,
        custom=adversaries(painter, critic),
        close=0.05,
    ),
}
