"""Thirty expressions, with the class that was stated of each before anything was measured."""

from __future__ import annotations

#: name, expression, size of each index; then what decides its time: ``product``, one matrix
#: product; ``memory``, one pass at the speed of memory; or ``other``
Expressions = tuple[tuple[str, str, dict[str, int], str], ...]

THIRTY: Expressions = (
    ("bmm 3x3", "bij,bjk->bik", {"b": 100_000, "i": 3, "j": 3, "k": 3}, "other"),
    ("bmm 100", "qij,qjk->qik", {"q": 100, "i": 100, "j": 100, "k": 100}, "product"),
    ("matmul", "ij,jk->ik", {"i": 500, "j": 500, "k": 500}, "product"),
    ("matmul nt", "ij,kj->ik", {"i": 500, "j": 500, "k": 500}, "product"),
    ("matvec", "ij,j->i", {"i": 2000, "j": 2000}, "memory"),
    ("rowdots", "bi,bi->b", {"b": 100_000, "i": 3}, "other"),
    ("rowdots 784", "bi,bi->b", {"b": 2000, "i": 784}, "memory"),
    ("bilinear", "bi,ij,bj->b", {"b": 5000, "i": 64, "j": 64}, "other"),
    ("frobenius", "ij,ij->", {"i": 1000, "j": 1000}, "memory"),
    ("sum", "ij->", {"i": 1000, "j": 1000}, "memory"),
    ("transpose", "ijk->kji", {"i": 100, "j": 100, "k": 100}, "memory"),
    ("trace", "bii->b", {"b": 2000, "i": 50}, "memory"),
    ("outer", "i,j->ij", {"i": 1500, "j": 1500}, "memory"),
    ("batch outer", "bi,bj->bij", {"b": 2000, "i": 40, "j": 40}, "memory"),
    ("attention qk", "bqhd,bkhd->bhqk", {"b": 4, "q": 128, "k": 128, "h": 8, "d": 64}, "product"),
    ("attention av", "bhqk,bkhd->bqhd", {"b": 4, "q": 128, "k": 128, "h": 8, "d": 64}, "product"),
    ("mps", "knlc,klma->knmac", {"k": 50, "n": 10, "l": 10, "c": 10, "m": 10, "a": 10}, "product"),
    ("ao2mo", "pqrs,pi->iqrs", {"p": 40, "q": 40, "r": 40, "s": 40, "i": 20}, "product"),
    ("ccsd", "abef,ijef->ijab", {"a": 24, "b": 24, "e": 24, "f": 24, "i": 10, "j": 10}, "product"),
    ("ccsd ring", "mbej,imae->ijab",
     {"m": 12, "b": 24, "e": 24, "j": 12, "i": 12, "a": 24}, "product"),
    ("three", "ijk,jkl,kli->il", {"i": 40, "j": 40, "k": 40, "l": 40}, "other"),
    ("chain", "ij,jk,kl,lm->im", {"i": 40, "j": 40, "k": 40, "l": 40, "m": 40}, "other"),
    ("stress", "ijkl,nkl->nij", {"i": 3, "j": 3, "k": 3, "l": 3, "n": 100_000}, "other"),
    ("rotate", "nij,njk,nlk->nil", {"n": 50_000, "i": 3, "j": 3, "k": 3, "l": 3}, "other"),
    ("khatri-rao", "ir,jr->ijr", {"i": 200, "j": 200, "r": 30}, "memory"),
    ("mttkrp", "ijk,jr,kr->ir", {"i": 100, "j": 100, "k": 100, "r": 16}, "other"),
    ("tucker", "abc,ia,jb,kc->ijk",
     {"a": 20, "b": 20, "c": 20, "i": 60, "j": 60, "k": 60}, "other"),
    ("covariance", "ni,n,nj->ij", {"n": 20_000, "i": 40, "j": 40}, "other"),
    ("pairwise", "nd,md->nm", {"n": 1500, "m": 1500, "d": 3}, "other"),
    ("depthwise", "bchw,c->bchw", {"b": 8, "c": 64, "h": 32, "w": 32}, "memory"),
)  # fmt: skip
