"""Networks of images."""

from __future__ import annotations

from networks.base import Kind, noise


def residual(n, x):
    """He et al., 2015, https://arxiv.org/abs/1512.03385: six blocks."""
    x = n.act(n.norm(n.conv(x, 16, 3)), "relu")
    for filters in (16, 32, 64):
        for k in range(2):
            strides = 2 if filters > 16 and k == 0 else 1
            y = n.act(n.norm(n.conv(x, filters, 3, strides)), "relu")
            y = n.norm(n.conv(y, filters, 3))
            if strides > 1:
                x = n.conv(x, filters, 1, strides)
            x = n.act(x + y, "relu")
    return n.dense(n.mean_over(x), 10)


def unet(n, x):
    """Ronneberger et al., 2015, https://arxiv.org/abs/1505.04597: two levels."""

    def twice(x, filters):
        return n.conv(n.conv(x, filters, 3, act="relu"), filters, 3, act="relu")

    wide = twice(x, 16)
    middle = twice(n.max_pool(wide), 32)
    x = twice(n.max_pool(middle), 64)
    x = twice(n.concat(n.transposed(x, 32, 2), middle), 32)
    x = twice(n.concat(n.transposed(x, 16, 2), wide), 16)
    return n.conv(x, 3, 1)


def upsampled(n, x):
    """A decoder of nearest neighbours and concatenations."""
    wide = n.conv(x, 16, 3, act="relu")
    x = n.conv(n.max_pool(wide), 32, 3, act="relu")
    x = n.conv(n.max_pool(x), 32, 3, act="relu")
    x = n.conv(n.upsample(x), 32, 3, act="relu")
    return n.conv(n.concat(n.upsample(x), wide), 3, 3)


def depthwise(n, x):
    """Howard et al., 2017, https://arxiv.org/abs/1704.04861: depthwise, then pointwise convolutions."""
    x = n.act(n.norm(n.conv(x, 32, 3)), "relu")
    for filters, strides in ((64, 1), (128, 2), (128, 1), (256, 2)):
        x = n.act(n.norm(n.depthwise(x, 3, strides)), "relu")
        x = n.act(n.norm(n.conv(x, filters, 1)), "relu")
    return n.dense(n.mean_over(x), 10)


def convnet(n, x):
    for filters in (32, 64):
        x = n.max_pool(n.conv(x, filters, 3, padding="valid", act="relu"))
    return n.dense(n.flatten(x), 10)


def stacked(n, x):
    """Simonyan, Zisserman, 2014, https://arxiv.org/abs/1409.1556: the first half, narrower."""
    for filters in (32, 64, 128):
        x = n.max_pool(n.conv(n.conv(x, filters, 3, act="relu"), filters, 3, act="relu"))
    return n.dense(n.dense(n.flatten(x), 128, "relu"), 10)


def segments(size):
    """Images, and one of three classes at each position."""

    def make(rng, rows):
        return (rng.random((rows, size, size, 3), dtype="float32"),), rng.integers(0, 3, (rows, size, size))

    return make


KINDS = {
    "residual": Kind("residual net 32x32x3, BN, batch 64, Adam", residual, noise((32, 32, 3)), 64, 4, close=0.05),
    "unet": Kind("U-Net 64x64x3, 16 to 64 filters, batch 8, Adam", unet, segments(64), 8, 4),
    "upsampled": Kind("encoder and decoder by upsampling, 64x64x3, batch 8, Adam", upsampled, segments(64), 8, 4),
    "depthwise": Kind(
        "depthwise separable net 32x32x3, BN, batch 32, Adam", depthwise, noise((32, 32, 3)), 32, 4, close=0.05
    ),
    "stacked": Kind("stacked 3x3 convolutions 32x32x3, batch 32, Adam", stacked, noise((32, 32, 3)), 32, 4),
    "convnet_small": Kind("convnet 28x28, batch 10, SGD", convnet, noise((28, 28, 1)), 10, 16, optimizer="sgd"),
    "convnet_predict": Kind(
        "convnet 28x28, predict 10,000 rows", convnet, noise((28, 28, 1)), 128, rows=10_000, task="predict"
    ),
    "convnet_evaluate": Kind(
        "convnet 28x28, evaluate 10,000 rows", convnet, noise((28, 28, 1)), 128, rows=10_000, task="evaluate"
    ),
}
