"A study's tasks in two processes, or on a Dask cluster of two worker processes, give what they give here."

import os

import joblib
from distributed import Client, LocalCluster

from impaug.study import Task, peer_run, run_tasks, set_run


def where():
    return [dict(process=os.getpid())]


tasks = [
    Task("methods/KMeans", peer_run, dict(method="KMeans", scaling="minmax", seed=0)),
    Task("methods/GMM, full", peer_run, dict(method="GMM, full", scaling="minmax", seed=0)),
    Task("methods/spectral", peer_run, dict(method="spectral", scaling="minmax", seed=0)),
    Task("sets/iris 0", set_run, dict(name="iris 0", seed=0)),
    Task("where", where),
]


def assert_same(there):
    here = run_tasks(tasks)
    assert here.pop("where") != there.pop("where")
    for key in here:
        for a, b in zip(here[key], there[key], strict=True):
            assert a | dict(seconds=0) == b | dict(seconds=0)


def test_two_processes():
    assert_same(run_tasks(tasks, n_jobs=2))


def test_dask_cluster():
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        there = run_tasks(tasks, n_jobs=2)
    assert_same(there)
