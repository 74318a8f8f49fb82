"""Calls of operations, written once, that Keras's ops and autonet's both answer; `tests/golden/record_ops.py` records.

A line is an expression in the names of operations and of the arrays below. Results that are tuples or lists count leaf by
leaf. Where a line holds something that only one can evaluate, it does not belong here.
"""

import builtins
import re

import numpy as np

_rng = np.random.default_rng(20240229)


def _f(*shape, low=-2.0, high=2.0):
    return np.round(_rng.uniform(low, high, shape), 3).astype("float32")


ARRAYS = {
    "a": _f(3, 4),
    "b": _f(3, 4),
    "c": _f(4, 5),
    "p": _f(3, 4, low=0.1, high=0.9),
    "big": _f(2, 3, 4),
    "v": _f(5),
    "w": _f(5),
    "u3": _f(2, 3),
    "w3": _f(2, 3),
    "n": np.where(_rng.random((3, 4)) < 0.3, np.nan, _f(3, 4)).astype("float32"),
    "hole": np.array([[np.nan, np.nan], [1.0, np.nan], [2.0, -3.0]], "float32"),
    "odd": np.array([-np.inf, -1.5, -0.0, 0.0, 2.5, np.inf, np.nan], "float32"),
    "i": _rng.integers(-5, 6, (3, 4)).astype("int32"),
    "j": _rng.integers(1, 6, (3, 4)).astype("int32"),
    "k": np.array([0, 3, 1, 1, 3, 0], "int32"),
    "bytes": _rng.integers(0, 256, (3, 4)).astype("uint8"),
    "m": _rng.integers(0, 2, (3, 4)).astype(bool),
    "m2": _rng.integers(0, 2, (3, 4)).astype(bool),
    "row": _f(6),
    "rows": _f(6, 2),
    "mat": _f(4, 4),
    "spd": (lambda x: (x @ x.T + 4 * np.eye(4)).astype("float32"))(_f(4, 4)),
    "stackspd": (lambda x: (x @ x.transpose(0, 2, 1) + 3 * np.eye(3)).astype("float32"))(_f(2, 3, 3)),
    "tall": _f(5, 3),
    "img": _f(2, 5, 6, 3, low=0.0, high=1.0),
    "img1": _f(2, 3, 5, 6, low=0.0, high=1.0),
    "sig": _f(2, 13),
    "kernel": _f(2, 2, 3, 4),
    "spread": np.arange(6, dtype="float32"),
    "logits": _f(2, 5, 4),
    "transform": np.array([[1, 0.2, -0.5, -0.1, 0.9, 0.7, 0, 0], [0.5, 0, 1, 0, 2, 0, 0, 0]], "float32"),
    "points": np.array([[0, 0], [0, 5], [6, 0], [6, 5]], "float32"),
    "moved": np.array([[0.5, 0.2], [0.1, 4.5], [5.5, 0.6], [6.2, 5.1]], "float32"),
}

LINES = """
abs(a); absolute(i); add(a, i); add(i, 2); add(i, 2.5); add(m, m2); add(bytes, 1); all(m)
all(m, axis=1, keepdims=True); allclose(a, a); allclose(a, b); amax(a, axis=0); amin(a, axis=-1, keepdims=True)
angle(a); angle(i); any(m, axis=0); append(a, b); append(a, b, axis=1); arange(5); arange(1, 5, 2)
arange(0.0, 1.0, 0.25); arange(3, dtype="float32"); arccos(p); arccosh(p + 1); arcsin(p); arcsinh(a); arctan(a)
arctan2(a, b); arctanh(p); argmax(a); argmax(a, axis=1); argmin(a, axis=0, keepdims=True); argsort(a)
argsort(a, axis=0); argsort(v, axis=None); array(i); array_split(v, 3); array_split(a, 3, axis=1); average(a)
average(a, axis=1, weights=b[0] + 3); bartlett(6); bincount(k); bincount(k, minlength=6); bincount(k, weights=row)
bitwise_and(i, j); bitwise_invert(i); bitwise_not(j); bitwise_or(i, j); bitwise_xor(i, j); bitwise_left_shift(j, 2)
bitwise_right_shift(i, 1); blackman(5); broadcast_to(v, (2, 5)); cbrt(a); ceil(a); ceil(i); clip(a, -0.5, 0.5)
clip(i, 0, 3); concatenate([a, b], axis=1); concatenate([a, i]); conj(a); conjugate(i); copy(a); corrcoef(a)
correlate(v, w); correlate(v, row); correlate(row, v, mode="same"); correlate(v, row, mode="same")
correlate(v, w, mode="full"); correlate(row, v[:2], mode="same"); cos(a); cosh(a); count_nonzero(i)
count_nonzero(i, axis=1); cross(u3, w3); cross(a[:, :3], b[:, :3]); cross(u3[:, :2], w3[:, :2]); cross(u3, w3[:, :2])
cumprod(a, axis=1); cumprod(v); cumsum(a, axis=0); cumsum(m, axis=0); cumsum(bytes, axis=1); deg2rad(a); diag(v)
diag(mat, k=1); diag(v, k=-2); diagflat(a); diagflat(v, k=1); diagonal(big, 1, 1, 2); diff(a); diff(a, 2, axis=0)
diff(m); digitize(a, spread - 2); divide(a, b); divide(i, j); divide(i, 0.5); divide_no_nan(a, b * (p > 0.5))
divide_no_nan(i, i); dot(a, c); dot(v, w); dot(big, c); dsplit(big, 2); dsplit(big, [1]); dstack([a, b])
dstack([v, w]); einsum("ij,jk->ik", a, c); einsum("ij->ji", a); empty((2, 3)).shape; equal(i, j); equal(i, 2.0)
exp(a); exp(i); exp2(a); expand_dims(a, (0, 2)); expm1(a); eye(3); eye(3, 4, k=1, dtype="int32"); fabs(a); flip(a)
flip(a, axis=1); fliplr(a); flipud(a); floor(a); floor_divide(i, j); floor_divide(a, b); fmax(n, a); fmin(n, a)
fmod(a, b); fmod(i, j); full((2, 2), 3.0); full((2,), 3, dtype="int32"); full_like(a, 2); gcd(i, j)
geomspace(1.0, 8.0, 4); geomspace(2.0, 32.0, 4, endpoint=False); geomspace(v + 3, 8.0, 3); get_item(a, 1)
greater(a, b); greater(i, 1.5); greater_equal(a, 0.0); hamming(5); hanning(6); heaviside(odd, 0.5); heaviside(i, j)
cast(histogram(v, 4)[0], "int32"); histogram(ravel(a), 3, (-1.0, 1.0))[1]; cast(histogram(k, 5)[0], "int32")
cumprod(bytes, axis=0); square(m); nancumsum(bytes, axis=1); prod(bytes, axis=1); hsplit(a, 2); hsplit(v, [2])
hstack([a, b]); hstack([v, w]); hypot(a, b); i0(a); identity(3); imag(a); inner(a, b); isclose(a, a + 1e-6)
isfinite(odd); isin(i, j); isin(i, [1, 2], invert=True); isinf(odd); isnan(odd); isneginf(odd); isposinf(odd)
isreal(a); kaiser(6, 2.5); kron(a, u3); kron(v, w); kron(big, u3); lcm(i, j); ldexp(a, i); left_shift(j, 1)
less(a, b); less_equal(i, j); linspace(0.0, 1.0, 5); linspace(a, b, 3, axis=-1); linspace(0, 10, 5, endpoint=False)
log(p); log10(p); log1p(p); log2(p); logaddexp(a, b); logaddexp2(a, b); logical_and(m, m2); logical_not(m)
logical_or(m, i); logical_xor(m, m2); logspace(0.0, 1.0, 4); matmul(a, c); matmul(big, c); matmul(i, transpose(j))
max(a, axis=1); max(i); maximum(a, b); maximum(i, 0.5); mean(a); mean(i, axis=0); mean(m); median(a)
median(a, axis=1, keepdims=True); meshgrid(v, w); meshgrid(v, row, indexing="ij"); min(a, axis=(0, 1)); minimum(i, j)
mod(i, 3); mod(a, b); moveaxis(big, 0, -1); multiply(a, b); multiply(m, m2); nan_to_num(odd)
nan_to_num(odd, nan=1.0, posinf=9.0, neginf=-9.0); nanargmax(n, axis=1); nanargmax(hole, axis=1); nanargmin(n)
nanargmin(hole, axis=1, keepdims=True); nancumprod(n, axis=0); nancumprod(n); nancumsum(n, axis=1); nancumsum(n)
nanmax(n); nanmax(hole, axis=1); nanmean(n, axis=0); nanmean(hole, axis=1); nanmedian(n); nanmedian(n, axis=1)
nanmin(n, axis=0, keepdims=True); nanmin(hole, axis=-1); nanpercentile(n, 30); nanprod(n, axis=1); nanprod(i)
nanquantile(n, 0.3, axis=1); nanquantile(n, [0.25, 0.5], axis=0); nanquantile(n, 0.4, method="nearest")
nanquantile(n, 0.4, axis=0, method="higher"); nanstd(n); nansum(n, axis=0); nansum(i); nanvar(n, axis=1); ndim(big)
negative(i); nextafter(a, b); nonzero(m); not_equal(i, j); ones((2, 2)); ones_like(i); outer(v, w)
pad(a, ((1, 2), (0, 1))); pad(a, 1, mode="reflect"); pad(a, 1, constant_values=3)
pad(i, ((0, 1), (2, 0)), mode="symmetric"); percentile(a, 30); percentile(a, [10, 90], axis=1); power(p, a)
power(i, 2); prod(a, axis=1); prod(i); prod(i, dtype="float32"); prod(m); ptp(a, axis=1); quantile(a, 0.3)
quantile(a, [0.1, 0.7], axis=1); quantile(a, 0.3, axis=0, method="nearest", keepdims=True); rad2deg(a); ravel(big)
real(a); reciprocal(p); repeat(a, 2); repeat(a, 2, axis=1); repeat(v, array([1, 2, 0, 1, 1])); reshape(a, (2, -1))
right_shift(j, 1); roll(a, 1); roll(a, 2, axis=1); rot90(a); rot90(a, 2); rot90(big, 3, axes=(1, 2)); rot90(a, -1)
round(a, 1); round(i); searchsorted(sort(v), w); searchsorted(sort(v), w, side="right"); select([m, m2], [a, b], 7.0)
select([m, m2], [i, j]); sign(a); sign(i); signbit(odd); sin(a); sinc(a); sinc(i); sinh(a); size(big); slogdet(spd)
sort(a); sort(a, axis=0); split(a, 2, axis=1); split(a, [1, 3], axis=1); sqrt(p); sqrt(j); square(i)
squeeze(expand_dims(a, 1)); stack([a, b], axis=1); std(a); std(a, axis=1); subtract(a, b); subtract(i, 1.5)
sum(a, axis=0); sum(m); sum(bytes, axis=0); swapaxes(big, 0, 2); take(a, k); take(a, [0, 2], axis=1)
take(a, -1, axis=0); take_along_axis(a, argsort(a), axis=1); tan(a); tanh(a); tensordot(a, c, 1)
tensordot(a, b, [[0, 1], [0, 1]]); tile(a, 2); tile(v, (2, 1)); trace(mat); trace(big, 1); transpose(big)
transpose(big, (1, 0, 2)); trapezoid(a); trapezoid(a, dx=0.5, axis=0); trapezoid(a, x=spread[:4] ** 2); trapezoid(i)
tri(3, 4, k=1); tril(a); triu(a, k=1); true_divide(i, j); trunc(a); unique(k); unique(k, size=5); unique(k, size=2)
unique(k, return_index=True, return_inverse=True, return_counts=True); unique(i, axis=0)
unique(k, size=5, fill_value=-1, return_counts=True); unique(i, return_inverse=True); unravel_index(7, (3, 4))
unravel_index(k, (2, 2)); unravel_index(array([-1, 2]), (2, 3)); vander(v); vander(v, 3, increasing=True)
vander(k, 3); var(a); var(i, axis=0); vdot(v, w); vectorize(lambda x, y: x * y)(v, 2.0); view(a, "int32")
view(i, "float32"); view(a, "uint8"); vsplit(a, 3); vstack([a, b]); vstack([v, w]); where(m, a, b); where(m, i, 2.5)
zeros((2,)); zeros_like(m)

cast(a, "int32"); cast(i, "float16"); cond(m[0, 0], (lambda x: lambda: x)(a), (lambda x: lambda: x)(b)); dtype(a)
fori_loop(0, 3, lambda i, x: x * 2, v); in_top_k(array([0, 2]), logits[:, 0], 2); is_tensor(a)
map(lambda x: x * 2, a); one_hot(k, 4); saturate_cast(a * 200, "uint8"); saturate_cast(i, "uint8")
saturate_cast(odd[:6], "int32"); scan(lambda s, x: (s + x, s * x), array(0.0), v)
scan(lambda s, x: (s + x, s * x), array(0.0), v, reverse=True)
scatter(array([[0, 1], [2, 0]]), array([3.0, 4.0]), (3, 2)); associative_scan(lambda x, y: x + y, a, axis=1)
associative_scan(lambda x, y: x * y, v, reverse=True); shape(a)
scatter_update(a, [[0, 1], [2, 3], [0, 1]], [9.0, 8.0, 7.0]); scatter_update(a, [[0], [2]], b[:2])
scatter_update(a, [[0, 1], [0, 1], [2, 2]], [9.0, 0.5, -7.0], reduction="add")
scatter_update(a, [[0, 1], [0, 1], [2, 2]], [9.0, 0.5, -7.0], reduction="max")
scatter_update(a, [[0], [0]], b[:2], reduction="mul"); scatter_update(i, [[0], [1]], j[:2], reduction="min")
slice(a, (1, 0), (2, 3)); slice_update(a, (1, 1), u3); stop_gradient(a); switch(1, [lambda x: x, lambda x: -x], a)
unstack(a, axis=1); vectorized_map(lambda x: x * 2, a); while_loop(lambda x: x < 5, lambda x: x + 2, array(0))

cholesky(spd); cholesky(stackspd, upper=True); cholesky_inverse(spd); cholesky_inverse(spd, upper=True); det(mat)
eigh(spd)[0]; inv(stackspd); lstsq(tall, v); lstsq(tall, transpose(sig[:, :5])); lu_factor(mat); lu_factor(stackspd)
matrix_rank(tall); matrix_rank(ones((3, 3))); matrix_rank(mat, tol=2.0); norm(a); norm(a, 1)
norm(a, "fro", axis=(0, 1)); norm(a, 3, axis=1); norm(mat, "nuc"); norm(v, 1); pinv(tall); pinv(mat); pinv(tall, 0.5)
abs(qr(tall)[1]); solve(spd, v[:4]); solve(spd, mat); solve_triangular(spd, mat, lower=True)
svd(tall, compute_uv=False); cdist(a, b); erf(a); erfc(a); erfinv(p); extract_sequences(sig, 4, 3); fft((a, b))
fft2((a, b)); ifft2((a, b)); irfft((a, b)); irfft((a, b), 5); irfft((a, b), 9); istft(stft(sig, 4, 2, 6), 4, 2, 6)
rfft(a); rfft(a, 3); rfft(a, 7); istft(stft(sig, 4, 2, 4, center=False), 4, 2, 4, center=False)
istft(stft(sig, 4, 2, 4), 4, 2, 4, length=9); logdet(spd); logsumexp(a); logsumexp(a, axis=1, keepdims=True); rsqrt(p)
segment_max(rows, k, 4); segment_max(row, k, 5); segment_min(row, k, 4); segment_prod(row, k, 5)
segment_sum(row, k, 4); segment_sum(rows, k, 5); segment_sum(i[0], k[:4], 2); stft(sig, 4, 2, 6)
stft(sig, 5, 3, 8, window="hamming"); stft(sig, 4, 2, 4, window=None, center=False); stft(sig, 4, 2, 4, window=v[:4])
top_k(a, 2)

adaptive_average_pool(img, (2, 3)); adaptive_max_pool(img, 2)
adaptive_average_pool(img1, 2, data_format="channels_first"); average_pool(img, 2, strides=2, padding="same")
batch_normalization(a, b[0], p[0], -1); binary_crossentropy(m, p); categorical_crossentropy(softmax(a), softmax(b))
categorical_crossentropy(softmax(a), b, from_logits=True); celu(a, 0.5); conv(img, kernel, 2)
conv(img, kernel, padding="same", dilation_rate=2); conv_transpose(img[..., :3], transpose(kernel, (0, 1, 3, 2)), 2)
ctc_decode(logits, [5, 3]); ctc_decode(logits, [5, 3], "beam_search", 10, 2)
ctc_loss(k[1:5].reshape(2, 2), logits, [2, 1], [5, 4]); depth_to_space(reshape(img[:, :4, :, :2], (2, 2, 3, 8)), 2)
depth_to_space(img1[:, [0, 1, 2, 0]], 2, data_format="channels_first"); depthwise_conv(img, kernel)
dot_product_attention(img, img, img); dot_product_attention(img, img[:, :4], img[:, :4], is_causal=True); elu(a)
fold(unfold(img1, 2), (5, 6), 2); gelu(a); gelu(a, approximate=False); glu(a); hard_shrink(a); hard_sigmoid(a)
hard_silu(a); hard_swish(a); hard_tanh(a); layer_normalization(a, b[0], p[0]); layer_normalization(a); leaky_relu(a)
log_sigmoid(a); log_softmax(a); max_pool(img, 2, 2); moments(a, 1); moments(a, (0, 1), keepdims=True)
multi_hot(k[:3], 5); normalize(a); normalize(a, 0, 1); psnr(a, b, 2.0); relu(a); relu6(a * 5)
rms_normalization(a, b[0]); selu(a); separable_conv(img, kernel, reshape(c[:, :3], (1, 1, 12, 1))); sigmoid(a)
silu(a); soft_shrink(a); softmax(a); softmax(a, axis=0); softplus(a); softsign(a); space_to_depth(img[:, :4], 2)
space_to_depth(img1[:, :, :4], 2, data_format="channels_first"); sparse_categorical_crossentropy(k[:3], softmax(a))
sparse_plus(a); sparse_sigmoid(a); squareplus(a); swish(a); tanh_shrink(a); threshold(a, 0.5, 7.0)
unfold(img1, 2, stride=2); unfold(img1, (2, 3), dilation=2, padding=1); rearrange(img, "b h w c -> b (c h) w")
rearrange(img, "b h (w x) c -> (b w) h x c", x=2)

image.affine_transform(img, transform); image.affine_transform(img, transform, "nearest", "reflect")
image.crop_images(img, 1, 2, 1, 1); image.affine_transform(img[0], transform[1], fill_mode="wrap")
image.extract_patches(img, 2); image.extract_patches(img, (3, 2), 1, padding="same")
image.extract_patches(img1, 2, 1, data_format="channels_first")
image.extract_patches_3d(reshape(img, (1, 2, 5, 6, 3)), 2, 1); image.hsv_to_rgb(img)
image.map_coordinates(a, b[:2] + 1, 1); image.map_coordinates(a, b[:2] * 2, 1, "mirror")
image.map_coordinates(a, b[:2] * 2, 0, "constant", 5.0); image.pad_images(img, 1, 2, target_height=8, target_width=9)
image.gaussian_blur(img1, (3, 3), (1.5, 1.5), data_format="channels_first")
image.perspective_transform(img[0], points, moved); image.resize(img, (3, 4)); image.resize(img, (7, 9), "bicubic")
image.resize(img, (3, 4), "nearest"); image.resize(img, (2, 3), antialias=True); image.resize(img, (4, 4), "lanczos3")
image.resize(img, (4, 3), crop_to_aspect_ratio=True); image.resize(img, (4, 3), pad_to_aspect_ratio=True)
image.resize(img1, (3, 4), data_format="channels_first"); image.rgb_to_grayscale(img); image.rgb_to_hsv(img)
image.sobel_edges(img); image.resize(expand_dims(bytes, -1), (5, 3), "nearest")
image.scale_and_translate(img, (2, 4, 4, 3), [0.5, 0.7], [0.1, -0.3], (1, 2), "linear")
image.ssim(img, img * 0.9, filter_size=3)
"""

CALLS = [line for part in LINES.replace("\n\n", ";").replace("\n", ";").split(";") if (line := part.strip())]


class Names(dict):
    """Where a call finds its names: arrays, operations, and nothing else."""

    def __init__(self, ops, arrays):
        super().__init__(arrays)
        self.ops = ops

    def __missing__(self, name):
        if hasattr(self.ops, name):
            return getattr(self.ops, name)
        return getattr(builtins, name)


def leaves(x):
    """The arrays, numbers and words of a nested result, in order."""
    if isinstance(x, (tuple, list)):
        return [leaf for part in x for leaf in leaves(part)]
    return [x]


def answer(call, ops, arrays=None):
    """What a call gives, as a list of arrays and words; `arrays` stand in for those above."""
    given = {name: x.copy() for name, x in ARRAYS.items()}
    found = eval(call, {"__builtins__": {}}, Names(ops, {**given, **(arrays or {})}))
    return [leaf if isinstance(leaf, str) or arrays else np.asarray(leaf) for leaf in leaves(found)]


def used(call):
    """The names of the arrays that a call reads."""
    return [name for name in ARRAYS if re.search(rf"(?<![\w.\"'])\b{name}\b", call)]
