"""Calls of every operation that has options, and values for them: `call | option=value, ...`,
going on in lines that are indented.

Names are the arrays of tests/ops/calls.py. Options without a value here are set to the one in `USUAL`.
"""

import numpy as np

from autonet import ops
from tests.ops.calls import ARRAYS
from tests.options.probe import AnyOf, Instead, With

USUAL = {
    "axis": 0,
    "data_format": "channels_first",
    "dilation_rate": 2,
    "dtype": "float64",
    "fill_mode": "nearest",
    "fill_value": 9.0,
    "from_logits": True,
    "interpolation": "nearest",
    "keepdims": True,
    "method": "lower",
    "padding": "same",
    "seed": 11,
    "sparse": True,
    "strides": 1,
}

NAMES = {
    **ARRAYS,
    "np": np,
    "With": With,
    "AnyOf": AnyOf,
    "Instead": Instead,
    "ops": ops,
    "cube": np.random.default_rng(5).normal(size=(2, 6, 6, 4)).astype("float32"),
    "bigger": np.random.default_rng(6).normal(size=(1, 8, 8, 8)).astype("float32"),
    "volume": np.random.default_rng(7).normal(size=(1, 4, 4, 4, 4)).astype("float32"),
    "rgb": np.random.default_rng(8).uniform(size=(1, 3, 9, 3)).astype("float32"),
    "photo": np.random.default_rng(9).uniform(size=(2, 16, 16, 16)).astype("float32"),
    "same": np.array([[2, 2], [3, 1]], "float32"),
}

OPS = """
adaptive_average_pool(cube, 2)
adaptive_max_pool(cube, 2)
all(m)
allclose(a, a + 0.1) | rtol=9.0, atol=1.0, equal_nan=With(True, x1=hole, x2=hole)
amax(a) | initial=99.0
amin(a) | initial=-99.0
any(m)
append(a, b)
arange(2) | stop=5, step=With(2, stop=9)
argmax(a)
argmin(a)
argpartition(a, 1)
argsort(a)
array(a)
array_split(a, 2) | axis=1
associative_scan(lambda x, y: x + y, a) | reverse=True, axis=1
average(a) | weights=b + 3
average_pool(cube, 2) | strides=1, padding=With("same", strides=1)
batch_normalization(a, b[0], p[0], -1) | offset=b[1], scale=b[1], epsilon=0.5
batch_normalize(mat, v[:4], v[:4]) | epsilon=0.5
binary_crossentropy(m, p)
bincount(k) | weights=row, minlength=9
categorical_crossentropy(softmax(mat), softmax(mat * 2))
celu(a) | alpha=0.3
cholesky(spd) | upper=True
cholesky_inverse(mat) | upper=True
concatenate([a, b]) | axis=1
conv(cube, np.ones((2, 2, 4, 4))) | strides=2
conv_transpose(cube, np.ones((3, 3, 4, 4))) | strides=2, output_padding=With(1, strides=2)
convert_to_tensor(a) | ragged=True
correlate(v, w) | mode="same"
count_nonzero(i)
cross(u3, w3) | axisa=With(0, axisb=1, x1=np.ones((3, 2))), axisb=With(0, x2=np.ones((3, 2))), axisc=0, axis=With(0,
    x1=np.ones((3, 2)), x2=np.eye(3)[:, :2])
ctc_decode(logits, [5, 3]) | strategy="beam_search", beam_width=With(1, strategy="beam_search"), top_paths=With(2,
    strategy="beam_search"), merge_repeated=False, mask_index=1
ctc_loss(k[1:5].reshape(2, 2), logits, [2, 1], [5, 4]) | mask_index=2
cumprod(a)
cumsum(a)
depth_to_space(bigger[:, :4], 2)
depthwise_conv(cube, np.ones((2, 2, 4, 1))) | strides=2
diag(mat) | k=1
diagflat(a) | k=1
diagonal(big) | offset=1, axis1=2, axis2=2
diff(a) | n=2
dot_product_attention(cube, cube, cube) | bias=np.arange(36.0).reshape(1, 1, 6, 6), mask=np.tri(6, dtype=bool)[None,
    None], scale=0.1, is_causal=True, attn_logits_soft_cap=0.1
elu(a) | alpha=0.3
empty((2,))
empty_like(a)
eye(3) | M=4, k=1
flip(a) | axis=1
fold(unfold(img1, 2), (5, 6), 2) | dilation=With(2, x=unfold(img1, 2, dilation=2)), padding=With(1, x=unfold(img1,
    2, padding=1)), stride=With(2, x=unfold(img1, 2, stride=2))
full((2,), 3)
full_like(a, 2)
gelu(a) | approximate=False
geomspace(v + 3, 8.0) | num=4, endpoint=False, axis=1
glu(mat)
hard_shrink(a) | threshold=2.0
histogram(v) | bins=3, range=(-1.0, 1.0)
identity(3)
irfft((a, b)) | fft_length=5
isclose(n, n + 1) | rtol=5.0, atol=5.0, equal_nan=True
isin(i, j) | invert=True
istft(stft(sig, 4, 2, 6), 4, 2, 6) | length=5, window="hamming", center=False
jvp(lambda x: (x * 2, x), (a,), (b,)) | has_aux=True
layer_normalization(mat) | gamma=v[:4], beta=v[:4], epsilon=0.5
leaky_relu(a) | negative_slope=0.9
linspace(a, b) | num=3, endpoint=False, retstep=True, axis=1
log_softmax(a)
logspace(v, w[0]) | num=3, endpoint=False, base=2, axis=1
logsumexp(a)
lstsq(tall, v) | rcond=0.9
matrix_rank(mat) | tol=2.0
max(a) | initial=99.0
max_pool(cube, 2) | strides=1, padding=With("same", strides=1)
mean(a)
median(a)
meshgrid(v, row) | indexing="ij"
min(a) | initial=-99.0
moments(a, 1) | synchronized=True
multi_hot(k[:3]) | num_classes=9, axis=With(0, num_classes=5), dtype=With("float64", num_classes=5),
    sparse=With(True, num_classes=5)
nan_to_num(odd) | nan=1.0, posinf=9.0, neginf=9.0
nanargmax(hole[1:])
nanargmin(hole[1:])
nancumprod(n)
nancumsum(n)
nanmax(n)
nanmean(n)
nanmedian(n)
nanmin(n)
nanpercentile(n, 30)
nanprod(n)
nanquantile(n, 0.3)
nanstd(n)
nansum(n)
nanvar(n)
norm(a) | ord=1, axis=0
normalize(a) | order=1, epsilon=99.0
one_hot(k, 4)
ones((2,))
ones_like(a)
pad(a, 1) | mode="reflect", constant_values=5
percentile(a, 30)
pinv(tall) | rcond=0.5
prod(a)
ptp(a)
qr(tall) | mode="complete"
quantile(a, 0.3)
repeat(a, 2)
rfft(a) | fft_length=3
rms_normalization(mat) | scale=v[:4], epsilon=0.5
roll(a, 1)
rot90(big) | k=2, axes=(1, 2)
round(a) | decimals=1
scan(lambda s, x: (s + (x if x is not None else 1), s), array(0.0)) | xs=With(v, length=None), length=With(3,
    xs=None), reverse=With(True, xs=v)
scatter_update(a, [[0, 1]], [9.0]) | reduction="add"
searchsorted(sort(v), sort(v)) | side="right"
segment_max(rows, k) | num_segments=9
segment_min(rows, k) | num_segments=9
segment_prod(rows, k) | num_segments=9
segment_sum(rows, k) | num_segments=9
select([m, m2], [a, b]) | default=7.0
separable_conv(cube, np.ones((2, 2, 4, 1)), np.ones((1, 1, 4, 4))) | strides=2
soft_shrink(a) | threshold=0.1
softmax(a)
solve_triangular(spd, mat) | lower=True
sort(a)
space_to_depth(cube[:, :, :4, :], 2)
sparse_categorical_crossentropy(k[:4], softmax(mat)) | axis=0
sparsemax(a)
split(mat, 2) | axis=1
squareplus(a) | b=1
squeeze(ones((1, 1)))
stack([a, b]) | axis=1
std(a)
stft(sig, 4, 2, 6) | window="hamming", center=False
sum(a)
svd(tall) | full_matrices=False, compute_uv=False
take(a, [0, 1])
take_along_axis(a, argsort(a)) | axis=1
tensordot(mat, mat) | axes=1
top_k(a, 2) | sorted=False
trace(big) | offset=1, axis1=2, axis2=2
transpose(big) | axes=(1, 0, 2)
trapezoid(a) | x=spread[:4] ** 2, dx=0.5
tri(3) | M=4, k=1
tril(a) | k=1
triu(a) | k=1
unfold(img1, 2) | dilation=2, padding=1, stride=2
unique(k) | return_index=True, return_inverse=True, return_counts=True, axis=With(0, x=i), size=9,
    fill_value=With(-1, size=9)
unstack(mat) | num=2, axis=1
vander(v) | N=2, increasing=True
var(a)
vectorize(lambda x, y: np.sum(np.asarray(x) * np.asarray(y))) | excluded={1}, signature="(n),(n)->()"
view(a) | dtype="int32"
where(m) | x1=With(a, x2=b), x2=With(a, x1=b)
while_loop(lambda x: x < 5, lambda x: x + 2, array(0)) | maximum_iterations=1
zeros((2,))
zeros_like(a)
image.affine_transform(cube, transform) | fill_value=With(9.0, fill_mode="constant")
image.crop_images(cube) | top_cropping=With(1, target_height=2, left_cropping=0, target_width=2),
    left_cropping=With(1, target_height=2, top_cropping=0, target_width=2), bottom_cropping=With(1, target_height=2,
    left_cropping=0, target_width=2), right_cropping=With(1, target_height=2, top_cropping=0, target_width=2),
    target_height=With(3, top_cropping=1, left_cropping=1, right_cropping=1), target_width=With(3, top_cropping=1,
    left_cropping=1, bottom_cropping=1), data_format=With("channels_first", top_cropping=0, left_cropping=0,
    target_height=2, target_width=2)
image.elastic_transform(cube) | alpha=1.0, sigma=1.0, fill_mode="constant", fill_value=With(9.0,
    fill_mode="constant"), seed=11
image.extract_patches(cube, 2) | strides=1, padding=With("same", strides=1)
image.extract_patches_3d(volume, 2) | strides=1, padding=With("same", strides=3), dilation_rate=2
image.gaussian_blur(cube) | kernel_size=(5, 5), sigma=(0.5, 0.5)
image.hsv_to_rgb(rgb)
image.map_coordinates(a, b[:2] * 2, 1) | fill_value=5.0
image.pad_images(cube) | top_padding=With(1, bottom_padding=1, left_padding=1, right_padding=1),
    left_padding=With(1, bottom_padding=1, top_padding=1, right_padding=1), bottom_padding=With(1, top_padding=1,
    left_padding=1, right_padding=1), right_padding=With(1, bottom_padding=1, left_padding=1, top_padding=1),
    target_height=With(9, left_padding=1, right_padding=1, top_padding=1), target_width=With(9, top_padding=1,
    bottom_padding=1, left_padding=1), data_format=With("channels_first", top_padding=1, bottom_padding=1,
    left_padding=1, right_padding=1)
image.perspective_transform(img[0], points, moved)
image.resize(cube, (3, 4)) | antialias=True, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True,
    fill_mode="reflect", fill_value=With(9.0, pad_to_aspect_ratio=True, size=(9, 3))
image.rgb_to_grayscale(rgb)
image.rgb_to_hsv(rgb)
image.scale_and_translate(cube, (2, 3, 3, 4), [0.5, 0.5], [0.1, -0.3], (1, 2), "linear") | antialias=False
image.sobel_edges(cube)
image.ssim(photo, photo * 0.9) | max_val=2.0, filter_size=3, filter_sigma=9.0, k1=0.1, k2=0.1
"""

_r = np.random.default_rng(4)
NAMES |= {
    "real": _r.normal(size=(3, 3)).astype("float32"),
    "reals": _r.normal(size=(3, 3)).astype("float32"),
    "zero_one": np.array([[0, 1, 1], [1, 0, 1], [0, 0, 1]], "float32"),
    "chance": _r.uniform(0.1, 0.9, (3, 3)).astype("float32"),
    "hot": np.eye(3, dtype="float32"),
    "shares": _r.dirichlet(np.ones(3), 3).astype("float32"),
    "even": np.full((3, 3), 1 / 3, "float32") + np.array([0.1, 0.1, -0.2], "float32"),
    "number": np.array([0, 2, 1]),
    "kinds": np.array([0, 0, 1, 1]),
    "unit": (lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True))(_r.normal(size=(4, 3))).astype("float32"),
    "steps": np.arange(12.0),
}

FUNCTIONS = """
activations.celu(a) | alpha=0.3
activations.elu(a) | alpha=0.3
activations.gelu(a) | approximate=True
activations.glu(mat)
activations.hard_shrink(a) | threshold=2.0
activations.leaky_relu(a) | negative_slope=0.9
activations.log_softmax(a)
activations.relu(a) | negative_slope=0.5, max_value=0.5, threshold=1.5
activations.soft_shrink(a) | threshold=0.1
activations.softmax(a)
activations.sparsemax(a)
activations.squareplus(a) | b=1
losses.binary_crossentropy(zero_one, chance) | label_smoothing=0.2
losses.binary_focal_crossentropy(zero_one, chance) | apply_class_balancing=True, alpha=With(0.6,
    apply_class_balancing=True), gamma=1.0, label_smoothing=0.2
losses.categorical_crossentropy(hot, shares) | label_smoothing=0.2
losses.categorical_focal_crossentropy(hot, shares) | alpha=0.6, gamma=1.0, label_smoothing=0.2
losses.circle(kinds, unit) | ref_labels=With(np.array([0, 1]), ref_embeddings=unit[:2]),
    ref_embeddings=With(unit[::-1], ref_labels=kinds), remove_diagonal=With(False, gamma=1), gamma=3, margin=0.1
losses.cosine_similarity(real, reals)
losses.dice(zero_one, chance)
losses.huber(real, reals) | delta=0.1
losses.sparse_categorical_crossentropy(number, shares) | ignore_class=2
losses.tversky(zero_one, chance) | alpha=0.1, beta=0.9
metrics.binary_accuracy(zero_one, chance) | threshold=0.2
metrics.concordance_correlation(real, reals)
metrics.pearson_correlation(real, reals)
metrics.sparse_top_k_categorical_accuracy(np.argsort(shares)[:, 0], shares) | k=1, from_sorted_ids=True
metrics.top_k_categorical_accuracy(hot, shares) | k=1
random.beta((3,), 1.0, 2.0)
random.binomial((3,), 9.0, 0.5)
random.categorical(logits[0], 3) | dtype="int64"
random.dropout(a, 0.5) | noise_shape=(1, 4)
random.gamma((3,), 2.0)
random.normal((3,)) | mean=9.0, stddev=9.0
random.randint((3,), 0, 99) | dtype="int64"
random.shuffle(np.arange(48).reshape(6, 8)) | axis=1
random.truncated_normal((3,)) | mean=9.0, stddev=9.0
random.uniform((3,)) | minval=-9.0, maxval=9.0
tree.map_structure(lambda x: 1, [None, 1]) | none_is_leaf=False
tree.traverse(lambda x: x[0] if isinstance(x, list) else None, [[1, 2], 3]) | top_down=False
utils.img_to_array(rgb[0]) | dtype="float64"
utils.normalize(a) | order=1
utils.pack_x_y_sample_weight(a) | y=b, sample_weight=With(p, y=b)
utils.pad_sequences([[1, 2, 3], [4]]) | maxlen=2, padding="post", truncating=With("post", maxlen=2), value=9.0
utils.beam_search(lambda t, s: (np.log([[0.2, 0.5, 0.3], [0.2, 0.35, 0.45], [0.8, 0.1, 0.1]])[np.asarray(t)], s),
    {}, [0]) | end=2, width=2, max_length=3,
    length_penalty=With(1.0, end=2)
utils.corpus_bleu(["a b c d e f"], [["a b c x e f"]]) | max_ngram_order=2, smooth_method="floor",
    smooth_value=With(0.5, smooth_method="floor"), effective_order=With(True, hypotheses=["a b c"], references=[["a b x"]])
utils.exponential_average([1.0, 2.0, 4.0], 0.5) | bias_correction=False
utils.greedy_search(lambda t, s: (np.log([[0.2, 0.5, 0.3], [0.2, 0.35, 0.45], [0.8, 0.1, 0.1]])[np.asarray(t)], s),
    {}, [0]) | end=2, max_length=3
utils.nearest_neighbors(a, a[:2]) | k=1
utils.sentence_bleu("a b c d e f", ["a b c x e f"]) | max_ngram_order=2, smooth_method="floor",
    smooth_value=With(0.5, smooth_method="floor"), effective_order=With(False, hypothesis="a b c", references=["a b x"])
utils.split(steps) | parts=(None, 5), stratify=With(np.arange(12) // 6, shuffle=False), shuffle=False, seed=3
utils.split_dataset(steps) | left_size=Instead(4, 6), right_size=Instead(4, 6), shuffle=With(True, left_size=4),
    seed=With(3, left_size=4, shuffle=True)
utils.timeseries_dataset_from_array(steps, steps, 3) | sequence_stride=2, sampling_rate=2, batch_size=2,
    shuffle=True, seed=With(5, shuffle=True), start_index=2, end_index=8
utils.to_categorical(k) | num_classes=9
layers.concatenate([a, b])
layers.dot([mat, mat]) | axes=0
gradients.grad(lambda x, y: ops.sum(x * x * y)) | argnums=1, has_aux=True
gradients.value_and_grad(lambda x, y: ops.sum(x * x * y)) | argnums=1, has_aux=True
gradients.jacobian(lambda x, y: x * x * y) | argnums=1, has_aux=True
gradients.hessian(lambda x, y: ops.sum(x * x * y * y)) | argnums=1, has_aux=True
gradients.jvp(lambda x: (x * 2, x), (a,), (b,)) | has_aux=True
gradients.vjp(lambda x: (x * 2, x), a) | has_aux=True
"""
