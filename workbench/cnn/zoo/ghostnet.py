"""GhostNet: bottlenecks of ghost modules.

Source: K. Han et al. 2020 (arXiv:1911.11907), table 7. Followed is timm's ``ghostnet_100``, which
is the authors' code; channels are rounded to multiples of 4, those of the 1x1 convolution behind
the pooling stay 1280 at every width.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench import checks
from workbench.cnn.blocks import Classifier, Conv, Dense, Dropout, GhostBottleneck, GlobalPool
from workbench.cnn.preprocessing import Preprocessing
from workbench.cnn.spec import ZOO, Architecture, Rows, make_divisible

DIVISOR = 4


@dataclass(frozen=True)
class Row:
    """A row of the paper's table: kernel, channels inside and out, SE, stride."""

    kernel: int
    expanded: int
    channels: int
    squeezed: bool = False
    stride: int = 1


STAGES = (
    (Row(3, 16, 16),),
    (Row(3, 48, 24, stride=2),),
    (Row(3, 72, 24),),
    (Row(5, 72, 40, True, stride=2),),
    (Row(5, 120, 40, True),),
    (Row(3, 240, 80, stride=2),),
    (
        Row(3, 200, 80),
        Row(3, 184, 80),
        Row(3, 184, 80),
        Row(3, 480, 112, True),
        Row(3, 672, 112, True),
    ),
    (Row(5, 672, 160, True, stride=2),),
    (Row(5, 960, 160), Row(5, 960, 160, True), Row(5, 960, 160), Row(5, 960, 160, True)),
)
LAST = 960
HEAD: Rows = (
    ("global_pool", GlobalPool()),
    ("conv_head", Dense(1280)),
    ("dropout", Dropout(0.2)),
    ("classifier", Classifier()),
)
NAMES = (
    (r"^bn1$", "conv_stem.norm"),
    (r"^(blocks\.9\.0)\.conv$", r"\1"),
    (r"^(blocks\.9\.0)\.bn1$", r"\1.norm"),
    (r"\.(primary)_conv\.0$", r".\1"),
    (r"\.(primary)_conv\.1$", r".\1.norm"),
    (r"\.(cheap)_operation\.0$", r".\1"),
    (r"\.(cheap)_operation\.1$", r".\1.norm"),
    (r"\.conv_dw$", ".depthwise"),
    (r"\.bn_dw$", ".depthwise.norm"),
    (r"\.shortcut\.0$", ".shortcut.depthwise"),
    (r"\.shortcut\.1$", ".shortcut.depthwise.norm"),
    (r"\.shortcut\.2$", ".shortcut.pointwise"),
    (r"\.shortcut\.3$", ".shortcut.pointwise.norm"),
    (r"\.se\.conv_", ".se."),
)


@ZOO.register("ghostnet")
def ghostnet(*, width: float = 1.0) -> Architecture:
    """Return the table.

    Args:
        width: By which all channels are multiplied; the results are rounded to multiples of 4.
    """
    width = checks.real("width", width, 0, 100, open_low=True)
    body: Rows = (("conv_stem", Conv(make_divisible(16 * width, DIVISOR), 3, stride=2)),)
    for number, rows in enumerate(STAGES):
        blocks = (_bottleneck(row, width) for row in rows)
        body += tuple((f"blocks.{number}.{place}", block) for place, block in enumerate(blocks))
    body += ((f"blocks.{len(STAGES)}.0", Conv(make_divisible(LAST * width, DIVISOR))),)
    return Architecture(
        "ghostnet",
        body,
        HEAD,
        "Han et al. 2020; timm ghostnet_100",
        preprocessing=Preprocessing(interpolation="bicubic"),
        names=NAMES,
    )


def _bottleneck(row: Row, width: float) -> GhostBottleneck:
    expanded = make_divisible(row.expanded * width, DIVISOR)
    return GhostBottleneck(
        make_divisible(row.channels * width, DIVISOR),
        expanded,
        row.kernel,
        row.stride,
        squeeze=make_divisible(expanded / 4, DIVISOR) if row.squeezed else None,
    )
