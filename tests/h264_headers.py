"""Parameter sets and a slice header of H.264, with whatever fields a Random chooses."""

from dataclasses import dataclass

from header_bits import Bits, Written, maybe


@dataclass
class Sps:
    """What the slice header needs to know of it."""

    bits: Bits
    colour: bool
    separate: bool
    frame_bits: int
    order_kind: int
    order_bits: int
    always_zero: bool
    frames_only: bool


@dataclass
class Pps:
    """What the slice header needs to know of it."""

    bits: Bits
    cabac: bool
    order_in_frame: bool
    references: list[int]
    weighted: bool
    bi: int
    first_qp: int
    redundant: bool


def write_h264(random, ids=None):
    depth, chroma = random.randrange(3), random.randrange(4)
    separate = chroma == 3 and maybe(random)
    sps_id, pps_id = ids or (random.randrange(32), random.randrange(256))
    sps = _write_sps(random, sps_id, depth, chroma, separate)
    pps = _write_pps(random, sps_id, pps_id, depth)

    is_idr, reference = random.random() < 0.2, random.randrange(4)
    reference = max(reference, is_idr)
    head = _write_head(random, pps_id, sps, pps, is_idr, reference)
    qp = random.randint(-6 * depth, 51)
    head.se(qp - pps.first_qp)
    header = bytes([reference << 5 | (5 if is_idr else 1)])
    return Written([sps.bits.nal(b"\x67"), pps.bits.nal(b"\x68")], head.nal(header), qp)


def _write_sps(random, sps_id, depth, chroma, separate):
    sps = Bits()
    for value in (244, 0, 40):
        sps.u(8, value)
    sps.ue(sps_id)
    sps.ue(chroma)
    if chroma == 3:
        sps.flag(separate)
    sps.ue(depth)
    sps.ue(depth)
    sps.flag(False)  # qpprime_y_zero_transform_bypass
    sps.flag(False)  # seq_scaling_matrix_present
    frame_bits = 4 + sps.ue(random.randrange(13))
    order_kind, order_bits, always_zero = sps.ue(random.randrange(3)), 0, False
    if order_kind == 0:
        order_bits = 4 + sps.ue(random.randrange(13))
    elif order_kind == 1:
        always_zero = sps.flag(maybe(random))
        sps.se(random.randrange(-9, 9))
        sps.se(random.randrange(-9, 9))
        for _ in range(sps.ue(random.randrange(4))):
            sps.se(random.randrange(-9, 9))
    sps.ue(4)  # max_num_ref_frames
    sps.flag(False)
    sps.ue(19)
    sps.ue(17)
    frames_only = sps.flag(maybe(random))
    if not frames_only:
        sps.flag(maybe(random))
    sps.flag(True)  # direct_8x8_inference
    sps.flag(False)  # frame_cropping
    sps.flag(False)  # vui_parameters_present
    colour = chroma > 0 and not separate
    return Sps(sps, colour, separate, frame_bits, order_kind, order_bits, always_zero, frames_only)


def _write_pps(random, sps_id, pps_id, depth):
    pps = Bits()
    pps.ue(pps_id)
    pps.ue(sps_id)
    cabac, order_in_frame = pps.flag(maybe(random)), pps.flag(maybe(random))
    _write_slice_groups(pps, random)
    references = [1 + pps.ue(random.randrange(16)) for _ in range(2)]
    weighted, bi = pps.flag(maybe(random)), pps.u(2, random.randrange(3))
    first_qp = 26 + pps.se(random.randint(-26 - 6 * depth, 25))
    pps.se(3)
    pps.se(-2)
    pps.u(2, random.randrange(2))  # without the filter's fields, which stand behind the quantiser
    redundant = pps.flag(maybe(random))
    return Pps(pps, cabac, order_in_frame, references, weighted, bi, first_qp, redundant)


def _write_head(random, pps_id, sps, pps, is_idr, reference):
    """The slice header up to its quantiser."""
    kind = 2 if is_idr else random.randrange(3)
    head = Bits()
    head.ue(0)
    head.ue(kind + 5 * maybe(random))
    head.ue(pps_id)
    if sps.separate:
        head.u(2, random.randrange(3))
    head.u(sps.frame_bits, random.randrange(1 << sps.frame_bits) * (not is_idr))
    is_field = not sps.frames_only and head.flag(maybe(random))
    if is_field:
        head.flag(maybe(random))
    if is_idr:
        head.ue(random.randrange(65536))
    if sps.order_kind == 0:
        head.u(sps.order_bits, random.randrange(1 << sps.order_bits))
    if sps.order_kind == 0 or (sps.order_kind == 1 and not sps.always_zero):
        for _ in range((sps.order_kind == 1) + (pps.order_in_frame and not is_field)):
            head.se(random.randrange(-900, 900))
    if pps.redundant:
        head.ue(random.randrange(3))
    if kind != 2:
        weights = pps.weighted if kind == 0 else pps.bi == 1
        _write_references(head, random, kind, pps.references, weights, sps.colour)
    if reference:
        _write_marking(head, random, is_idr)
    if pps.cabac and kind != 2:
        head.ue(random.randrange(3))
    return head


def _write_slice_groups(pps, random):
    groups = 1 + pps.ue(random.choice((0, 0, 0, 1, 2, 7)))
    if groups == 1:
        return
    kind = pps.ue(random.randrange(3) if groups > 2 else random.randrange(7))
    if kind == 0:
        for _ in range(groups):
            pps.ue(random.randrange(9))
    elif kind == 2:
        for _ in range(groups - 1):
            first = pps.ue(random.randrange(99))
            pps.ue(first + random.randrange(9))
    elif kind in {3, 4, 5}:
        pps.flag(maybe(random))
        pps.ue(random.randrange(99))
    elif kind == 6:
        for _ in range(1 + pps.ue(359)):
            pps.u((groups - 1).bit_length(), random.randrange(groups))


def _write_references(head, random, kind, references, weights, colour):
    if kind == 1:
        head.flag(maybe(random))
    lengths = references[: 1 + kind]
    if head.flag(maybe(random)):
        lengths = [1 + head.ue(random.randrange(4)) for _ in lengths]
    for length in lengths:
        if head.flag(maybe(random)):
            for _ in range(random.randrange(length + 1)):
                head.ue(random.randrange(3))
                head.ue(random.randrange(4))
            head.ue(3)
    if not weights:
        return
    for _ in range(1 + colour):
        head.ue(random.randrange(8))
    for _ in range(sum(lengths)):
        for numbers in (2, 4)[: 1 + colour]:
            if head.flag(maybe(random)):
                for _ in range(numbers):
                    head.se(random.randint(-128, 127))


def _write_marking(head, random, is_idr):
    if is_idr:
        head.u(2, random.randrange(4))
    elif head.flag(maybe(random)):
        for operation in random.sample(range(1, 7), random.randrange(4)):
            head.ue(operation)
            for _ in range((0, 1, 1, 2, 1, 0, 1)[operation]):
                head.ue(random.randrange(3))
        head.ue(0)
