"""A run as other programs take it: rows for RAGAS and DeepEval, a run of MLflow with its figures and files.

samples.py   what a row is made of, whoever takes it
ragas.py     rows of RAGAS' EvaluationDataset
deepeval.py  test cases of DeepEval
mlflow.py    MLflow, over its own client
"""
