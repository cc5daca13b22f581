#!/usr/bin/env python3
"""Fits the polynomial coefficients of fn_emit_*.c and prints them as C float constants.

Weighted minimax (Remez exchange on a fine grid); coefficients are rounded to single precision one after the other,
lowest order first, and the rest is fitted again after each. Needs the Python package mpmath.
Usage: fn_fit.py
"""
import struct

import mpmath as mp

mp.mp.dps = 50
LOG_TERMS = 8


def to_f32(v):
    return struct.unpack("<f", struct.pack("<f", float(v)))[0]


def hex_f32(v):
    m, e = float(v).hex().split("p")
    head, _, frac = m.partition(".")
    return f"{head}.{frac.rstrip('0') or '0'}p{e}f"


def remez(f, w, powers, lo, hi, grid, signed):
    """Coefficients c minimising max |w(x) (sum c_k x^powers[k] - f(x))| on [lo, hi]; and the maximum.

    Where all powers vanish inside the interval the alternation theorem holds only when w times the lowest power does
    not change sign there: signed gives w that power's sign."""
    n = len(powers)
    xs = [mp.mpf(lo) + (mp.mpf(hi) - lo) * (1 - mp.cos(mp.pi * i / grid)) / 2 for i in range(grid + 1)]
    xs = [x for x in xs if w(x) is not None]
    fx, wx = [f(x) for x in xs], [w(x) for x in xs]
    basis = [[x**p for p in powers] for x in xs]
    if signed:
        wx = [wx[i] if basis[i][0] >= 0 else -wx[i] for i in range(len(xs))]
    # Where every weighted basis function vanishes (relative error at a zero of f) a start point would force error 0.
    size = [abs(wx[i] * basis[i][0]) for i in range(len(xs))]
    able = [i for i in range(len(xs)) if size[i] > max(size) / 20]
    pick = [able[round(i * (len(able) - 1) / n)] for i in range(n + 1)]
    for _ in range(40):
        a, b = mp.matrix(n + 1, n + 1), mp.matrix(n + 1, 1)
        for r, i in enumerate(pick):
            for k in range(n):
                a[r, k] = basis[i][k] * wx[i]
            a[r, n] = (-1) ** r
            b[r] = fx[i] * wx[i]
        c = mp.lu_solve(a, b)
        err = [wx[i] * (sum(c[k] * basis[i][k] for k in range(n)) - fx[i]) for i in range(len(xs))]
        peaks = []
        for i, e in enumerate(err):
            if peaks and (e > 0) == (err[peaks[-1]] > 0):
                if abs(e) > abs(err[peaks[-1]]):
                    peaks[-1] = i
            else:
                peaks.append(i)
        while len(peaks) > n + 1:
            peaks.pop(0 if abs(err[peaks[0]]) < abs(err[peaks[-1]]) else -1)
        worst = max(abs(e) for e in err)
        if len(peaks) < n + 1 or peaks == pick or worst < abs(c[n]) * mp.mpf("1.0001"):
            break
        pick = peaks
    return [c[k] for k in range(n)], worst


def fit(name, f, w, powers, lo, hi, fixed=()):
    """fixed: list of (power, value) that are given."""
    xs = [mp.mpf(lo) + (mp.mpf(hi) - lo) * i / 4000 for i in range(4001)]
    best, best_worst = None, None
    for signed in (False, True):
        done = list(fixed)
        for k in range(len(powers)):
            g = lambda x: f(x) - sum(v * x**p for p, v in done)
            c, _ = remez(g, w, powers[k:], lo, hi, 400, signed)
            done.append((powers[k], mp.mpf(to_f32(c[0]))))
        worst = max(abs(w(x) * (sum(v * x**p for p, v in done) - f(x))) for x in xs if w(x) is not None)
        if best is None or worst < best_worst:
            best, best_worst = done, worst
    print(f"{name}: error {mp.nstr(best_worst, 3)}")
    for p, v in sorted(best):
        print(f"    x^{p}: {hex_f32(v)}")


def best_reciprocal():
    """K and c of y0 = float(K - bits(d)), y1 = y0 (c - d y0): least maximum relative error of y1."""
    def worst(k, c, n=300):
        e = []
        for i in range(n * 2 + 1):
            d = to_f32(2 ** (i / n - 0.5) + 0.0)
            bits = struct.unpack("<i", struct.pack("<f", d))[0]
            y0 = struct.unpack("<f", struct.pack("<i", k - bits))[0]
            e.append(abs(d * y0 * (c - d * y0) - 1))
        return max(e)

    k, c = 0x7EF311C3, 2.0
    step_k, step_c, best = 1 << 18, 0.01, worst(k, c)
    while step_k > 8:
        moved = False
        for nk, nc in ((k + step_k, c), (k - step_k, c), (k, c + step_c), (k, c - step_c), (k + step_k, c + step_c),
                       (k - step_k, c - step_c), (k + step_k, c - step_c), (k - step_k, c + step_c)):
            if worst(nk, nc) < best:
                k, c, best, moved = nk, nc, worst(nk, nc), True
        if not moved:
            step_k, step_c = step_k // 2, step_c / 2
    print(f"reciprocal: K 0x{k:08x} c {hex_f32(to_f32(c))} error {best:.3g}")


def main():
    half = mp.log(2) / 2 * mp.mpf("1.0001")
    fit("exp(r)", mp.exp, lambda r: 1 / mp.exp(r), [2, 3, 4, 5, 6], -half, half, [(0, mp.mpf(1)), (1, mp.mpf(1))])
    rel = lambda r: None if r == 0 else 1 / abs(mp.expm1(2 * r))
    fit("expm1(2r)", lambda r: mp.expm1(2 * r), rel, [3, 4, 5, 6], -half / 2, half / 2,
        [(1, mp.mpf(2)), (2, mp.mpf(2))])
    rel = lambda x: None if abs(x) < 1e-8 else 1 / abs(mp.log1p(x))
    fit("log1p(f)", mp.log1p, rel, list(range(3, 3 + LOG_TERMS)), mp.mpf(-1) / 3, mp.mpf(1) / 3,
        [(1, mp.mpf(1)), (2, mp.mpf("-0.5"))])
    # erf(x) = tanh(x + x g(x^2)); an error of g shrinks by x (1 - erf^2) / erf on its way to erf.
    hi = mp.mpf("3.95") ** 2
    g = lambda u: (mp.atanh(mp.erf(mp.sqrt(u))) / mp.sqrt(u) if u > 0 else 2 / mp.sqrt(mp.pi)) - 1

    def w(u):
        x = mp.sqrt(u)
        return 1 / (g(u) + 1) if u == 0 else x * (1 - mp.erf(x) ** 2) / mp.erf(x)

    fit("erf", g, w, list(range(9)), 0, hi)
    best_reciprocal()


main()
