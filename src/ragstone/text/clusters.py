"""Groups of vectors that point the same way: spherical k-means.

    clusters = clustered(rows, k=8)
    clusters.labels[0]     # the cluster of the first row; cluster 0 is the largest

Rows of length 1 are compared by their cosine, so a centre is a direction (Dhillon and Modha 2001). The first centres
are drawn far from each other (k-means++, Arthur and Vassilvitskii 2007), several times over, and the best end counts.
The same rows and seed give the same clusters, in whatever order the rows stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragstone.types import Matrix

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

__all__ = ["Clusters", "assigned", "clustered", "moved"]

STARTS = 10
ROUNDS = 100
APART = 1e-6  # 1 - cosine, below which two rows are the same


@dataclass(frozen=True, slots=True)
class Clusters:
    """For each of n rows its cluster, and 1 - its cosine with that cluster's centre; the centres are (clusters, d)."""

    labels: Places
    distances: Floats
    centers: Floats

    @property
    def inertia(self) -> float:
        """The sum of the distances: what k-means makes small."""
        return float(self.distances.sum())

    def members(self, cluster: int) -> list[int]:
        """The places of a cluster's rows, nearest to its centre first."""
        import numpy as np

        places = np.flatnonzero(self.labels == cluster)
        return [int(place) for place in places[np.argsort(self.distances[places], kind="stable")]]


def clustered(rows: Matrix, *, k: int, seed: int = 0, starts: int = STARTS) -> Clusters:
    """Rows of shape (n, d) in at most k clusters, the largest first: fewer, where fewer rows differ. None is empty."""
    import numpy as np

    unit = np.asarray(rows, np.float64)
    unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    order = np.array(sorted(range(len(unit)), key=lambda place: unit[place].tobytes()), np.intp)
    points = unit[order]  # in an order of their own, so that theirs does not count
    best: Clusters | None = None
    for start in range(starts):
        found = _refined(points, _drawn(points, k, np.random.default_rng([seed, start])))
        if best is None or found.inertia < best.inertia:
            best = found
    assert best is not None, "there is a start"
    kept, first, sizes = np.unique(best.labels, return_index=True, return_counts=True)
    names = np.zeros(len(best.centers), np.intp)
    ranking = np.lexsort((first, -sizes))
    names[kept[ranking]] = np.arange(len(kept))
    labels, distances = np.empty(len(unit), np.intp), np.empty(len(unit))
    labels[order], distances[order] = names[best.labels], best.distances
    return Clusters(labels, distances, best.centers[kept[ranking]])


def assigned(points: Floats, centers: Floats) -> tuple[Places, Floats]:
    """For each point of length 1 the place of its nearest centre, and its cosine with that centre."""
    import numpy as np

    cosines = points @ centers.T
    labels = cosines.argmax(axis=1)
    return labels, cosines[np.arange(len(points)), labels]


def moved(points: Floats, labels: Places, cosines: Floats, centers: Floats) -> Floats:
    """The centres in the middle of their points. One without points becomes the point that is farthest from its own."""
    import numpy as np

    sums = (labels == np.arange(len(centers))[:, None]).astype(np.float64) @ points
    lengths = np.linalg.norm(sums, axis=1)
    after = centers.copy()  # points that cancel each other out have no middle: their centre stays
    whole = lengths > APART
    after[whole] = sums[whole] / lengths[whole, None]
    sizes = np.bincount(labels, minlength=len(centers))
    far = iter(np.argsort(cosines, kind="stable"))
    for empty in np.flatnonzero(sizes == 0):
        place = next((one for one in far if sizes[labels[one]] > 1 and 1 - cosines[one] > APART), None)
        if place is None:
            break  # no more points differ than there are centres
        sizes[labels[place]] -= 1
        after[empty] = points[place]
    return after


def _drawn(points: Floats, k: int, lot: np.random.Generator) -> Floats:
    """The first centres: each next one by its distance to those that were drawn."""
    import numpy as np

    drawn = [int(lot.integers(len(points)))]
    nearest = points @ points[drawn[0]]
    while len(drawn) < min(k, len(points)):
        weights = np.clip(1 - nearest, 0, None)
        total = float(weights.sum())
        if total <= APART:
            break
        drawn.append(int(lot.choice(len(points), p=weights / total)))
        nearest = np.maximum(nearest, points @ points[drawn[-1]])
    return points[drawn]


def _refined(points: Floats, centers: Floats) -> Clusters:
    """Lloyd's rounds, until they gain nothing."""
    labels, cosines = assigned(points, centers)
    for _ in range(ROUNDS):
        after = moved(points, labels, cosines, centers)
        new_labels, new_cosines = assigned(points, after)
        if float(new_cosines.sum()) <= float(cosines.sum()) + 1e-12 * len(points):
            break
        centers, labels, cosines = after, new_labels, new_cosines
    return Clusters(labels, (1 - cosines).clip(0), centers)
