"""The ranks that AdaLoRA left to each matrix, as a table: a row for each layer, shaded by rank.

Source of the picture: Zhang et al. 2023, figure 3.
"""

from collections.abc import Mapping

from bert.tasks.page import WIDE, Section, shown

DARKEST = 45  # per cent of color in the cell of the largest rank: numbers stay readable on it


def ranks_section(ranks: Mapping[str, int]) -> Section:
    """The section of a report.

    Args:
        ranks: by the matrix's name, such as "bert.encoder.layers.0.attention.query". There is one or more.
    """
    table: dict[int, dict[str, int]] = {}
    for name, rank in ranks.items():
        layer, _, matrix = name.partition("layers.")[2].partition(".")
        table.setdefault(int(layer), {})[matrix] = rank
    matrices = list(dict.fromkeys(matrix for row in table.values() for matrix in row))
    largest = max(max(ranks.values()), 1)

    def cell(rank: int | None) -> str:
        if rank is None:
            return '<td style="--share: 0"></td>'
        return f'<td style="--share: {DARKEST * rank / largest:.0f}">{rank:,}</td>'

    def line(heading: str, cells: str, total: int) -> str:
        return f'<tr><th scope="row">{heading}</th>{cells}<td class="sum">{total:,}</td></tr>\n'

    names = "".join(f'<th scope="col">{shown(matrix.replace(".", " ").replace("_", " "))}</th>' for matrix in matrices)
    lines = f'<tr><th></th>{names}<th scope="col">sum</th></tr>\n'
    for layer, row in sorted(table.items(), reverse=True):  # the last layer on top, as in a picture of BERT
        lines += line(f"layer {layer + 1}", "".join(cell(row.get(matrix)) for matrix in matrices), sum(row.values()))
    sums = (sum(row.get(matrix, 0) for row in table.values()) for matrix in matrices)
    lines += line("sum", "".join(f'<td class="sum">{total:,}</td>' for total in sums), sum(ranks.values()))
    content = f'<div class="scroll ranks" role="region" aria-label="ranks" tabindex="0"><table>{lines}</table></div>'
    return Section("Ranks that AdaLoRA left to each matrix", content, WIDE)
