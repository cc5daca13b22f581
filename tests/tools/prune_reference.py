"""Pruning criteria in numpy, written from their papers' formulas and from nothing of ours: what test_prune_numpy.py compares with.

A net is a chain of the operators below with float32 between them. `weights` are the second inputs of Conv and Gemm, in the
order of the nodes; a weight seen as a matrix has a row per output and the columns of PyTorch's unfold (c, r, s).
"""

import numpy as np

import mini_onnx


def patches(x, node, shape):
    """[n, groups, positions, columns] of a convolution's input, and the spatial shape of its result."""
    kernel, group = shape[2:], node.attributes.get("group", 1)
    stride, pad = node.attributes.get("strides", [1, 1]), node.attributes.get("pads", [0, 0, 0, 0])
    x = np.pad(x, ((0, 0), (0, 0), (pad[0], pad[2]), (pad[1], pad[3])))
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(2, 3))[:, :, ::stride[0], ::stride[1]]
    n, c, h, w = windows.shape[:4]
    windows = windows.reshape(n, group, c // group, h, w, *kernel).transpose(0, 1, 3, 4, 2, 5, 6)
    return windows.reshape(n, group, h * w, -1), (h, w)


def fold_patches(g, x_shape, node, shape):
    """Where patches() took from, the sum of g: its transpose."""
    index = np.arange(1, np.prod(x_shape) + 1, dtype=float).reshape(x_shape)
    where, _ = patches(index, node, shape)
    out = np.zeros(np.prod(x_shape) + 1)
    np.add.at(out, where.astype(int).ravel(), g.ravel())
    return out[1:].reshape(x_shape)


def matrix(w, node):
    """[groups, rows, columns]"""
    group = node.attributes.get("group", 1) if node.op == "Conv" else 1
    return w.reshape(group, w.shape[0] // group, -1)


class Net:
    def __init__(self, path):
        self.nodes = list(mini_onnx.nodes(path))
        self.init = {n: np.array(v, dtype=np.float32).reshape(d) for n, (d, v) in mini_onnx.initializers(path).items()}
        self.layers = [n for n in self.nodes if n.op in ("Conv", "Gemm")]
        self.weights = [n.inputs[1] for n in self.layers]
        made = {o for n in self.nodes for o in n.outputs}
        self.input = next(i for n in self.nodes for i in n.inputs if i not in made and i not in self.init)

    def run(self, x, init=None, dtype=np.float32, watch=lambda weight, columns: None):
        """All values by name; `watch` sees [n, groups, positions, columns] of each weight's inputs."""
        values = dict(init or self.init)
        values[self.input] = x
        for node in self.nodes:
            a = [values[i] for i in node.inputs]
            a = [v.astype(np.float64) for v in a]
            if node.op in ("Conv", "Gemm"):
                columns, space = (patches(a[0], node, a[1].shape) if node.op == "Conv" else (a[0][:, None, None, :], None))
                watch(node.inputs[1], columns)
                y = (columns @ matrix(a[1], node).transpose(0, 2, 1)).transpose(0, 1, 3, 2).astype(dtype).astype(float)
                y = y.reshape(len(x), a[1].shape[0], *(space or ()))
                y = y + a[2].reshape(-1, *(1, 1) if space else ())
            elif node.op == "Mul":
                y = a[0] * a[1]
            elif node.op == "Add":
                y = a[0] + a[1]
            elif node.op == "Relu":
                y = np.maximum(a[0], 0)
            elif node.op == "Flatten":
                y = a[0].reshape(len(x), -1)
            elif node.op == "GlobalAveragePool":
                y = a[0].mean(axis=(2, 3), keepdims=True)
            elif node.op == "MaxPool":
                y = self.pool(a[0], node).max(axis=(4, 5))
            else:
                raise NotImplementedError(node.op)
            values[node.outputs[0]] = y.astype(dtype)
        return values

    @staticmethod
    def pool(x, node):
        kernel, stride = node.attributes["kernel_shape"], node.attributes["strides"]
        assert not any(node.attributes.get("pads", [0])), "pooling with padding"
        return np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(2, 3))[:, :, ::stride[0], ::stride[1]]

    def flow(self, init):
        """SynFlow's scores: |w dR/d|w||, R = sum of the outputs of the net of absolute values fed with ones."""
        init = {n: np.abs(v.astype(np.float64)) for n, v in init.items()}
        shape = (1, 1, 28, 28)
        values = self.run(np.ones(shape), init, np.float64)
        grad = {n: np.zeros(v.shape) for n, v in values.items()}
        grad[self.nodes[-1].outputs[0]][:] = 1
        for node in reversed(self.nodes):
            g, a = grad[node.outputs[0]], [values[i] for i in node.inputs]
            into = grad[node.inputs[0]]
            if node.op in ("Conv", "Gemm"):
                w = matrix(a[1], node)
                columns = patches(a[0], node, a[1].shape)[0] if node.op == "Conv" else a[0][:, None, None, :]
                g = g.reshape(1, w.shape[0], w.shape[1], -1)
                grad[node.inputs[1]] += np.einsum("ngrp,ngpc->grc", g, columns).reshape(a[1].shape)
                back = np.einsum("ngrp,grc->ngpc", g, w)
                into += fold_patches(back, a[0].shape, node, a[1].shape) if node.op == "Conv" else back.reshape(into.shape)
            elif node.op == "Mul":
                into += g * a[1]
            elif node.op == "Add":
                into += g
                grad[node.inputs[1]] += g
            elif node.op == "Relu":
                into += g  # all is positive
            elif node.op == "Flatten":
                into += g.reshape(into.shape)
            elif node.op == "GlobalAveragePool":
                into += g / (into.shape[2] * into.shape[3])
            else:  # MaxPool: to the first of the largest
                index = np.arange(into.size).reshape(into.shape)
                windows, where = self.pool(a[0], node), self.pool(index, node)
                best = windows.reshape(*windows.shape[:4], -1).argmax(axis=4)
                chosen = np.take_along_axis(where.reshape(*where.shape[:4], -1), best[..., None], axis=4)
                np.add.at(into.reshape(-1), chosen.ravel(), g.ravel())
        return {n: init[n] * grad[n] for n in self.weights}


def first_lowest(scores, count):
    """Mask of what stays when the `count` lowest of a list of scores go, the first of equal ones first."""
    mask = np.ones(scores.size, dtype=bool)
    mask[np.argsort(scores, axis=None, kind="stable")[:count]] = False
    return mask.reshape(scores.shape)


def rounded(share, n):
    return int(np.floor(share * n + 0.5))


def select(weights, scores, sparsity, scope, share=None):
    """Masks by weight, and the scores as compared (zeros first). share: sparsity by weight, for layer and row."""
    scores = {n: np.where(weights[n] == 0, -1, scores[n]) for n in scores}
    share = share or dict.fromkeys(scores, sparsity)
    if scope == "global":
        flat = np.concatenate([scores[n].ravel() for n in scores])
        mask, at, out = first_lowest(flat, rounded(sparsity, flat.size)), 0, {}
        for n, s in scores.items():
            out[n] = mask[at:at + s.size].reshape(s.shape)
            at += s.size
        return out, scores
    if scope == "layer":
        return {n: first_lowest(s, rounded(share[n], s.size)) for n, s in scores.items()}, scores
    rows = {n: s.reshape(len(s), -1) for n, s in scores.items()}
    return {n: np.stack([first_lowest(row, rounded(share[n], row.size)) for row in s]).reshape(scores[n].shape)
            for n, s in rows.items()}, scores


def n_of_m(score, keep, of):
    """The `keep` highest of `of` consecutive input channels, by output and kernel position."""
    inner = np.moveaxis(score, 1, -1)
    mask = np.ones(inner.shape, dtype=bool)
    for start in range(0, inner.shape[-1], of):
        part = inner[..., start:start + of]
        order = np.argsort(part, axis=-1, kind="stable")[..., :max(0, part.shape[-1] - keep)]
        np.put_along_axis(mask[..., start:start + of], order, False, axis=-1)
    return np.moveaxis(mask, -1, 1)


def erk(dims, sparsity):
    """Densities by RigL's iteration."""
    dense = set()
    while True:
        ones = total = 0
        for k, d in enumerate(dims):
            zeros = np.ceil(sparsity * np.prod(d))
            ones += -zeros if k in dense else np.prod(d) - zeros
            total += 0 if k in dense else sum(d)
        p = [0 if k in dense else sum(d) / np.prod(d) for k, d in enumerate(dims)]
        if ones / total * max(p) <= 1:
            return [1 if k in dense else ones / total * p[k] for k in range(len(dims))]
        dense |= {k for k, v in enumerate(p) if v == max(p)}


def lamp(w):
    square = w.astype(np.float64).ravel() ** 2
    order = np.argsort(square, kind="stable")
    behind = np.cumsum(square[order][::-1])[::-1]
    out = np.empty(square.size)
    out[order] = square[order] / np.where(behind > 0, behind, 1)
    return out.reshape(w.shape)


def sparsegpt(w, x, sparsity, keep=0, of=0, block=128):
    """w [rows, columns] pruned and corrected for inputs x [vectors, columns]; columns as they are to be visited."""
    w, zero, columns = w.astype(np.float64).copy(), w == 0, w.shape[1]
    h = 2 * x.T @ x / len(x)
    dead = np.diag(h) == 0
    h[dead, dead] = 1
    w[:, dead] = 0
    zero[:, dead] = True
    h += .01 * np.diag(h).mean() * np.eye(columns)
    u = np.linalg.cholesky(np.linalg.inv(h)).T  # upper, h^-1 = u' u
    step = of or block
    for start in range(0, columns, step):
        end = min(start + step, columns)
        cost = np.where(zero[:, start:end], -1, (w[:, start:end] / np.diag(u)[start:end]) ** 2)
        if of:
            gone = ~np.stack([first_lowest(row, max(0, end - start - keep)) for row in cost])
        else:
            gone = ~first_lowest(cost, rounded(sparsity, cost.size))
        gone |= zero[:, start:end]
        for j in range(start, end):
            error = np.where(gone[:, j - start], w[:, j] / u[j, j], 0)
            w[:, j:] -= np.outer(error, u[j, j:])
            w[gone[:, j - start], j] = 0
    return w
