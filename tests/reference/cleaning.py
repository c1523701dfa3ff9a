"""Blending of neighbours, likes and anchored regression, one pixel at a time: right, and slow."""

import numpy as np


def blended(noisy, frames, costs, moments, evidences, weights, shift, profile):
    """One image (h, w) of table rows, and its neighbours (k, h, w)."""
    h, w = noisy.shape
    reach = len(profile) // 2
    moves = range(-shift, shift + 1)
    candidates = [moved(frame, dy, dx) for frame in frames for dy in moves for dx in moves]
    estimate, spread = np.empty((h, w)), np.empty((h, w))
    for y in range(h):
        for x in range(w):
            totals = []
            for candidate in candidates:
                total = 0
                for dy in range(-reach, reach + 1):
                    for dx in range(-reach, reach + 1):
                        inside = 0 <= y + dy < h and 0 <= x + dx < w
                        if inside and (dy, dx) != (0, 0):
                            cost = int(costs[noisy[y + dy, x + dx], candidate[y + dy, x + dx]])
                            total += int(profile[reach + dy]) * int(profile[reach + dx]) * cost
                totals.append(total)
            above = np.minimum(np.array(totals) - min(totals), len(weights) - 1)
            vote = weights[above].astype(np.float64)
            value = np.array([int(candidate[y, x]) for candidate in candidates])
            v = noisy[y, x]
            estimate[y, x] = (vote @ moments[v, value]) / (vote @ evidences[v, value])
            mean = vote @ value / vote.sum()
            spread[y, x] = np.sqrt(max(vote @ value**2 / vote.sum() - mean**2, 0))
    return estimate, spread


def moved(frame, down, right):
    """What stands at (y + down, x + right), zeros beyond the frame."""
    reach = max(abs(down), abs(right))
    padded = np.pad(frame, reach)
    h, w = frame.shape
    return padded[reach + down : reach + down + h, reach + right : reach + right + w]


def averaged_likes(guide, values, counts, search_radius, patch_radius, sharpness):
    """Sums and weights (2, c, h, w) of an image (c, h, w), whose values hold their counts."""
    h, w = guide.shape[1:]
    sums, weights = np.zeros((2, *values.shape)), np.zeros((2, *values.shape))
    for y in range(h):
        for x in range(w):
            for v in range(max(0, y - search_radius), min(h, y + search_radius + 1)):
                for u in range(max(0, x - search_radius), min(w, x + search_radius + 1)):
                    apart = 0
                    for down in range(-patch_radius, patch_radius + 1):
                        for right in range(-patch_radius, patch_radius + 1):
                            ys, xs = (y + down, v + down), (x + right, u + right)
                            if min(*ys, *xs) >= 0 and max(ys) < h and max(xs) < w:
                                one, other = (guide[:, ys[i], xs[i]].astype(int) for i in (0, 1))
                                apart += ((one - other) ** 2).sum()
                    for reading, power in enumerate((4, 1)):
                        weight = np.exp(-power * sharpness * apart)
                        sums[reading, :, y, x] += weight * values[:, v, u]
                        weights[reading, :, y, x] += weight * counts[:, v, u]
    return sums, weights


def regressed(channels, radius, key_radius, anchors, weights, biases, blend):
    """Padded channels (h, w, c) of one image; anchors (m, key), weights (m, outputs, features)."""
    n_outputs = weights.shape[1]
    h, w = channels.shape[0] - 2 * radius, channels.shape[1] - 2 * radius
    out = np.empty((h, w, n_outputs))
    inset = radius - key_radius
    for y in range(h):
        for x in range(w):
            window = channels[y : y + 2 * radius + 1, x : x + 2 * radius + 1].astype(np.float64)
            key = window[inset : len(window) - inset, inset : len(window) - inset, :n_outputs]
            apart = ((anchors - key.ravel()) ** 2).sum(axis=1)
            nearest = np.argsort(apart, kind="stable")[:blend]
            out[y, x] = np.mean([weights[a] @ window.ravel() + biases[a] for a in nearest], axis=0)
    return out
