"""Thirty further expressions: chemistry, physics, attention, learning, statistics and graphics.

For what is told of kernels that were tuned on the first thirty: leave these out of tuning.
"""

from __future__ import annotations

from thirty import Expressions

MORE: Expressions = (
    ("density fit", "Pmn,mn->P", {"P": 200, "m": 100, "n": 100}, "memory"),
    ("exchange", "prqs,rs->pq", {"p": 44, "r": 44, "q": 44, "s": 44}, "memory"),
    ("pair energy", "ijab,ijab,ijab->", {"i": 14, "j": 14, "a": 40, "b": 40}, "memory"),
    ("partial trace", "ikjk->ij", {"i": 120, "k": 40, "j": 120}, "memory"),
    ("token mean", "btd,t->bd", {"b": 64, "t": 64, "d": 256}, "memory"),
    ("margins", "abcd->bd", {"a": 40, "b": 40, "c": 40, "d": 40}, "memory"),
    ("blending", "lhwc,lhw->hwc", {"l": 6, "h": 160, "w": 160, "c": 3}, "memory"),
    ("three-centre", "Pia,Pjb->iajb", {"P": 80, "i": 12, "a": 36, "j": 12, "b": 36}, "product"),
    ("boost", "ab,nb->na", {"a": 4, "b": 4, "n": 200_000}, "product"),
    ("relative keys", "bhqd,qkd->bhqk", {"b": 2, "h": 4, "q": 96, "k": 96, "d": 32}, "product"),
    ("grouped query", "bgrqd,bgkd->bgrqk",
     {"b": 2, "g": 2, "r": 4, "q": 64, "k": 128, "d": 64}, "product"),
    ("key values", "bhkd,bhke->bhde", {"b": 4, "h": 8, "k": 256, "d": 32, "e": 32}, "product"),
    ("convolution", "bchwij,ocij->bohw",
     {"b": 2, "c": 8, "h": 28, "w": 28, "i": 3, "j": 3, "o": 16}, "product"),
    ("group covariance", "bni,bnj->bij", {"b": 64, "n": 200, "i": 20, "j": 20}, "product"),
    ("lighting", "fpl,lc->fpc", {"f": 50, "p": 2000, "l": 9, "c": 3}, "product"),
    ("doubles", "kcld,akic,bldj->abij",
     {"k": 8, "c": 16, "l": 8, "d": 16, "a": 16, "i": 8, "b": 16, "j": 8}, "other"),
    ("four-index", "pqrs,pi,qj,rk,sl->ijkl",
     {"p": 12, "q": 12, "r": 12, "s": 12, "i": 12, "j": 12, "k": 12, "l": 12}, "other"),
    ("environment", "awd,apb,wxpq,dqe->bxe",
     {"a": 32, "w": 5, "d": 32, "p": 2, "b": 32, "x": 5, "q": 2, "e": 32}, "other"),
    ("gate", "xiyjz,abij->xaybz",
     {"x": 64, "i": 2, "y": 32, "j": 2, "z": 64, "a": 2, "b": 2}, "other"),
    ("geodesic", "nijk,nj,nk->ni", {"n": 20_000, "i": 4, "j": 4, "k": 4}, "other"),
    ("strain energy", "nij,ijkl,nkl->n", {"n": 50_000, "i": 3, "j": 3, "k": 3, "l": 3}, "other"),
    ("cross product", "ijk,nj,nk->ni", {"i": 3, "j": 3, "k": 3, "n": 100_000}, "other"),
    ("linear attention", "bhqd,bhde,bhq->bhqe",
     {"b": 4, "h": 8, "q": 256, "d": 32, "e": 32}, "other"),
    ("low rank", "btd,dr,ro->bto", {"b": 4, "t": 128, "d": 512, "r": 8, "o": 512}, "other"),
    ("experts", "te,td,edf->tf", {"t": 256, "e": 4, "d": 64, "f": 64}, "other"),
    ("bilinear layer", "bn,bm,nmo->bo", {"b": 256, "n": 32, "m": 32, "o": 16}, "other"),
    ("third moment", "ni,nj,nk->ijk", {"n": 2000, "i": 16, "j": 16, "k": 16}, "other"),
    ("tensor ring", "aib,bjc,cka->ijk",
     {"a": 8, "i": 32, "b": 8, "j": 32, "c": 8, "k": 32}, "other"),
    ("skinning", "vb,bij,vj->vi", {"v": 20_000, "b": 16, "i": 3, "j": 4}, "other"),
    ("surface", "ui,vj,ijc->uvc", {"u": 128, "i": 4, "v": 128, "j": 4, "c": 3}, "other"),
)  # fmt: skip
