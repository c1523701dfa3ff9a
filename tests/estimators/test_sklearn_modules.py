"""scikit-learn's own tests of what is built on estimators, with ours wherever theirs are k-NN."""

from tests.sklearn_suite import suite_of

from lookalike import KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors

OURS = {
    "KNeighborsClassifier": KNeighborsClassifier,
    "KNeighborsRegressor": KNeighborsRegressor,
    "NearestNeighbors": NearestNeighbors,
}
MODULES = [
    "cluster.tests.test_dbscan",
    "cluster.tests.test_spectral",
    "ensemble.tests.test_bagging",
    "ensemble.tests.test_stacking",
    "ensemble.tests.test_voting",
    "feature_selection.tests.test_sequential",
    "impute.tests.test_knn",
    "inspection.tests.test_partial_dependence",
    "manifold.tests.test_isomap",
    "manifold.tests.test_spectral_embedding",
    "model_selection.tests.test_search",
    "model_selection.tests.test_validation",
    "semi_supervised.tests.test_label_propagation",
    "semi_supervised.tests.test_self_training",
    "tests.test_multiclass",
]
MUTED = "gives weight 0 to images, which still take places among the k nearest here"
LEFT_OUT = {
    "ensemble.tests.test_bagging": {
        "test_classification": MUTED,
        "test_oob_score_consistency": MUTED,
        "test_regression": MUTED,
    },
    "ensemble.tests.test_voting": {
        "test_sample_weight": "wants scikit-learn's classifier to refuse weights, which ours takes"
    },
}

for module in MODULES:
    subject = module.split("test_")[-1]
    for name, value in suite_of(f"sklearn.{module}", OURS, LEFT_OUT.get(module, {})).items():
        # Two modules have tests of one name, and share the fixtures.
        globals()[name.replace("test_", f"test_{subject}_", 1)] = value
