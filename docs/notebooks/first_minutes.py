# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # BERT's first minutes
#
# This notebook pretrains a small BERT for a minute, and shows what came of it. It runs in a clone of the repository, on
# two CPU cores. Install once, then open it:
#
#     .venv/bin/pip install jupyterlab
#     .venv/bin/jupyter lab docs/notebooks/first_minutes.ipynb
#
# The [walk](../walk/README.md) explains each part ([中文](../zh/README.md)).

# %%
import os
import sys
import tempfile
from pathlib import Path

clone = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "train_pretrain.py").exists())
os.chdir(clone)
sys.path.insert(0, str(clone))

import train_pretrain

run = tempfile.mkdtemp()  # name a folder of your own to keep the run
flags = ["--max-minutes", "1", "--output", run]

# %% [markdown]
# ## Pretrain
#
# The corpus is Python's documentation. The script learns a vocabulary of 6,000 pieces, cuts the text, and trains. At
# the end it fills in blanks of documents that it has not seen. A whole run takes about ten minutes:
# `python train_pretrain.py`.

# %%
assert train_pretrain.main(flags) == 0

# %% [markdown]
# ## What it learned
#
# The dotted lines are what guessing gives. First the model learns how frequent each piece is. Then it looks around the
# blank.

# %%
from IPython.display import Image

Image(f"{run}/curves.png")

# %%
from bert import BertForPreTraining, load_checkpoint, load_tokenizer
from bert.commands.fill_mask import fill_mask

tokenizer = load_tokenizer(run)
model = load_checkpoint(run, BertForPreTraining)
for text in ["Returns the [MASK] of the array.", "If [MASK] is given, it is ignored."]:
    print(text)
    for filling in fill_mask(model, tokenizer, text)[0]:
        print(f"  {filling.probability:6.1%}  {filling.piece}")

# %% [markdown]
# ## Who attends to whom
#
# Each square is a head of a layer. Its rows are the tokens that attend, its columns the tokens attended to.

# %%
from bert.commands.attention import draw_attention

draw_attention(run, "Returns the sum of the array.", None, f"{run}/attention.png")
Image(f"{run}/attention.png")

# %% [markdown]
# ## The model in the page
#
# `bert explore` writes one HTML file with the model in it. Click a piece to mask it, and type your own text. The page
# needs no network.

# %%
from html import escape

from IPython.display import IFrame

from bert.__main__ import main as bert

page = Path(run, "page.html")
page.unlink(missing_ok=True)
assert bert(["explore", run, "-o", str(page)]) == 0
IFrame("about:blank", "100%", 800, extras=[f'srcdoc="{escape(page.read_text(encoding="utf-8"))}"'])
