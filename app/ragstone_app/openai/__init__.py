"""OpenAI's API before a project: `/v1/chat/completions`, `/v1/embeddings` and `/v1/models`.

names.py        which models there are: `ragstone/answer`, `route/answer`, `embed/ingest`
requests.py     what may be asked for
errors.py       our errors in OpenAI's shape
replies.py      completions and pieces of them, in OpenAI's shape
answering.py    `ragstone/NAME`: the documents answer
routing.py      `route/NAME`: the models of a route answer
listing.py      `/v1/models`
chat.py         the endpoint of the completions
embedding.py    the endpoint of the embeddings
"""
