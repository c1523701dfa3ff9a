"""Votes and averages, one query and one neighbour at a time: obviously right, and slow."""

import numpy as np


def neighbor_weights(distances, weights):
    if weights in (None, "uniform"):
        return [1.0] * len(distances)
    if weights == "distance":
        if 0 in distances:
            return [1.0 if d == 0 else 0.0 for d in distances]
        return [1.0 / d for d in distances]
    return list(weights(np.asarray([distances]))[0])


def class_votes(neighbors, weights, labels, n_classes):
    votes = [0.0] * n_classes
    for row, weight in zip(neighbors, weights, strict=True):
        votes[labels[row]] += weight
    return votes


def winning_class(votes):
    best = 0
    for label in range(1, len(votes)):
        if votes[label] > votes[best]:
            best = label
    return best


def winning_classes_at(neighbors, weights, labels, n_classes, ks):
    return [winning_class(class_votes(neighbors[:k], weights[:k], labels, n_classes)) for k in ks]


def target_average(neighbors, weights, targets):
    total = 0.0
    for row, weight in zip(neighbors, weights, strict=True):
        total = total + weight * np.asarray(targets[row], dtype=float)
    return total / sum(weights)
