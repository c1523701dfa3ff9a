"""Strokes, oriented gradients, deformation and readings of tables in plain NumPy: right, and slow.

Floats are float32 where the native code has them, in the same order of operations, so that results
are equal to the last bit.
"""

import math

import numpy as np

F = np.float32


def moments(image):
    """Mass, centroid, slant and variances of an image (h, w, c); None without ink."""
    ink = image.astype(np.int64).sum(axis=2)
    m = int(ink.sum())
    if m == 0:
        return None
    i, j = np.mgrid[: ink.shape[0], : ink.shape[1]]
    cx, cy = int((ink * j).sum()) / m, int((ink * i).sum()) / m
    xx = int((ink * j * j).sum()) / m - cx * cx
    xy = int((ink * i * j).sum()) / m - cx * cy
    yy = max(int((ink * i * i).sum()) / m - cy * cy, 1e-4)
    slant = xy / yy
    return m, cx, cy, slant, max(xx - 2 * slant * xy + slant * slant * yy, 1e-4), yy


def normalized(image, target_x, target_y):
    """One image (h, w, c), its strokes upright and halfway to the target size."""
    found = moments(image)
    if found is None:
        return image.copy()
    _, cx, cy, slant, vx, vy = found
    h, w, channels = image.shape
    sx = math.sqrt(math.sqrt(vx) / target_x)
    sy = math.sqrt(math.sqrt(vy) / target_y)
    out = np.zeros_like(image)

    def pixel(y, x, c):
        return F(image[y, x, c]) if 0 <= y < h and 0 <= x < w else F(0)

    for i in range(h):
        down = (i - 0.5 * (h - 1)) * sy
        y = cy + down
        y0 = math.floor(y)
        wy = F(y - y0)
        if not -1 <= y0 < h:
            continue
        for j in range(w):
            x = (cx + slant * down) + (j - 0.5 * (w - 1)) * sx
            x0 = math.floor(x)
            wx = F(x - x0)
            if not -1 <= x0 < w:
                continue
            for c in range(channels):
                columns = []
                for at in (x0, x0 + 1):
                    above, below = pixel(y0, at, c), pixel(y0 + 1, at, c)
                    columns.append(F(above + F(wy * F(below - above))))
                first, second = columns
                value = F(F(first + F(wx * F(second - first))) + F(0.5))
                out[i, j, c] = int(value)
    return out


def sobel(plane):
    """The gradients (right, below) of a plane of floats, zeros beyond it."""
    p = np.pad(plane.astype(F), 1)
    a, b, c = p[:-2], p[1:-1], p[2:]
    right = ((a[:, 2:] - a[:, :-2]) + (c[:, 2:] - c[:, :-2])) + F(2) * (b[:, 2:] - b[:, :-2])
    below = ((c[:, :-2] - a[:, :-2]) + (c[:, 2:] - a[:, 2:])) + F(2) * (c[:, 1:-1] - a[:, 1:-1])
    return right, below


def turns(x, y, n):
    """The angles of (x, y) in [0, n], by the native code's polynomial."""
    ax, ay = np.abs(x), np.abs(y)
    a = np.minimum(ax, ay) / np.maximum(np.maximum(ax, ay), F(1e-9))
    s = a * a
    r = F(-0.01172120) * s + F(0.05265332)
    for factor in (-0.11643287, 0.19354346, -0.33262347, 0.99997726):
        r = r * s + F(factor)
    r = r * a
    r = np.where(ay > ax, F(1.57079633) - r, r)
    r = np.where(x < 0, F(3.14159265) - r, r)
    r = np.where(y < 0, F(6.28318531) - r, r)
    return r * (F(n) / F(6.28318531))


def oriented(image, down, across, n_orientations, root):
    """Features (n_orientations, cells down, cells across) of one image (h, w, c)."""
    right, below = sobel(image[..., 0])
    for channel in range(1, image.shape[2]):
        r, b = sobel(image[..., channel])
        larger = r * r + b * b > right * right + below * below
        right, below = np.where(larger, r, right), np.where(larger, b, below)
    magnitude = np.sqrt(right * right + below * below)
    angle = turns(right, below, n_orientations)
    if root:
        magnitude = np.sqrt(magnitude)
    out = np.zeros((n_orientations, down.shape[1], across.shape[1]), F)
    for o in range(n_orientations):
        away = np.abs(angle - F(o))
        away = np.minimum(away, F(n_orientations) - away)
        part = np.maximum(F(1) - away, F(0)) * magnitude
        rows = np.zeros((down.shape[1], image.shape[1]), F)
        for y in range(image.shape[0]):
            rows += down[y][:, np.newaxis] * part[y]
        for x in range(image.shape[1]):
            out[o] += rows[:, x][:, np.newaxis] * across[x]
    return np.sqrt(out)


def planes(image):
    """The four planes (4, h, w) of one image (h, w), whole numbers in -63 … 63."""
    right, below = sobel(image)
    magnitude = np.sqrt(right * right + below * below)
    inverse = F(1) / np.maximum(magnitude, F(1))
    cosine, sine = right * inverse, below * inverse
    amplitude = np.where(magnitude > 15, F(63) * np.sqrt(magnitude * F(0.001)), F(0))
    first, second = F(0.95) * amplitude, F(0.6) * amplitude
    found = [
        first * cosine,
        first * sine,
        second * (cosine * cosine - sine * sine),
        second * (F(2) * cosine * sine),
    ]
    return np.stack([np.clip(np.rint(plane), -63, 63) for plane in found]).astype(int)


def deformation(still, moving, shift, window, penalties):
    """The distance of two images (h, w), and the field (2, h, w) of the moves."""
    h, w = still.shape
    edge = shift + window
    fixed = np.pad(planes(still), ((0, 0), (edge, edge), (edge, edge)))
    moved = np.pad(planes(moving), ((0, 0), (edge, edge), (edge, edge)))
    sums = []
    for di in range(-shift, shift + 1):
        for dj in range(-shift, shift + 1):
            difference = np.zeros((h + 2 * window, w + 2 * window), int)
            for i in range(h + 2 * window):
                for j in range(w + 2 * window):
                    y, x = i + shift, j + shift
                    apart = (fixed[:, y, x] - moved[:, y + di, x + dj]) ** 2
                    both = (apart[0] + apart[1] >> 3) + (apart[2] + apart[3] >> 3)
                    difference[i, j] = min(both, 2500)
            own = np.zeros((h, w), int)
            for i in range(2 * window + 1):
                for j in range(2 * window + 1):
                    own += difference[i : i + h, j : j + w]
            sums.append(own + penalties[di + shift, dj + shift])
    best = np.argmin(sums, axis=0)
    field = np.stack([best // (2 * shift + 1) - shift, best % (2 * shift + 1) - shift])
    return int(np.min(sums, axis=0).sum()), field


def class_sums(distances, codes, n_classes, k):
    """The sums of the k smallest distances of one query to each class."""
    out = np.zeros(n_classes)
    for code in range(n_classes):
        own = sorted(d for d, c in zip(distances, codes, strict=True) if c == code)[:k]
        out[code] = sum(own) + (k - len(own)) * max(distances)
    return out


def hyperplane(query, points, ridge):
    """The squared distance of a query to the ridge-regularised affine hull of points (k, d)."""
    mean = points.mean(axis=0)
    z = points - mean
    gram = z @ z.T
    penalty = ridge * np.trace(gram) / len(points)
    along = z @ (query - mean)
    weights = np.linalg.pinv(gram + penalty * np.eye(len(points)), rcond=1e-12) @ along
    rest = query - mean - weights @ z
    return rest @ rest + penalty * weights @ weights
