"""Parameter sets and a slice header of H.265, with whatever fields a Random chooses."""

from dataclasses import dataclass

from header_bits import Bits, Written, maybe

H265_VPS = bytes.fromhex("40010c01ffff016000000300900000030000030078959809")


@dataclass
class Sps:
    """What the slice header needs to know of it."""

    bits: Bits
    colour: bool
    separate: bool
    order_bits: int
    sao: bool
    reference_sets: list[dict[int, bool]]
    long_term: list[bool] | None
    temporal_mvp: bool


@dataclass
class Pps:
    """What the slice header needs to know of it."""

    bits: Bits
    output: bool
    extra: int
    cabac_init: bool
    references: list[int]
    first_qp: int
    weights: tuple[bool, bool]
    """Of B and of P, as slice_type counts."""
    modified: bool


def write_h265(random, ids=None, pps_extensions=0):
    depth, chroma = random.randrange(5), random.randrange(4)
    separate = chroma == 3 and maybe(random)
    sps_id, pps_id = ids or (random.randrange(16), random.randrange(64))
    sps = _write_sps(random, sps_id, depth, chroma, separate)
    pps = _write_pps(random, sps_id, pps_id, depth, pps_extensions)
    kind = random.choice((0, 1, 1, 8, 9, 16, 19, 20, 21))
    head = _write_head(random, pps_id, sps, pps, kind)
    qp = random.randint(-6 * depth, 51)
    head.se(qp - pps.first_qp)
    header = bytes([kind << 1, 1])
    return Written([H265_VPS, sps.bits.nal(b"\x42\x01"), pps.bits.nal(b"\x44\x01")], head.nal(header), qp)


def _write_sps(random, sps_id, depth, chroma, separate):
    sps = Bits()
    sps.u(4, 0)
    sps.u(3, 0)
    sps.flag(True)
    sps.u(8, 4)  # range extensions
    sps.u(32, 0x0800_0000)
    sps.u(48, 0)
    sps.u(8, 120)
    sps.ue(sps_id)
    sps.ue(chroma)
    if chroma == 3:
        sps.flag(separate)
    sps.ue(320)
    sps.ue(192)
    sps.flag(False)
    sps.ue(depth)
    sps.ue(depth)
    order_bits = 4 + sps.ue(random.randrange(13))
    sps.flag(True)
    for value in (15, 2, 0, 0, 3, 0, 3, 0, 0):  # buffer, reordering, latency; block sizes and depths
        sps.ue(value)
    if sps.flag(maybe(random)) and sps.flag(maybe(random)):
        _write_scaling_lists(sps, random)
    sps.flag(maybe(random))  # amp
    sao = sps.flag(maybe(random))
    if sps.flag(maybe(random)):
        sps.u(8, 0x77)
        sps.ue(0)
        sps.ue(0)
        sps.flag(maybe(random))
    sets = []
    for _ in range(sps.ue(random.choice((0, 1, 2, 5, 9)))):
        sets.append(_write_reference_set(sps, random, sets, in_slice=False))
    long_term = _write_listed_long_term(sps, random, order_bits) if sps.flag(maybe(random)) else None
    temporal_mvp = sps.flag(maybe(random))
    sps.flag(maybe(random))
    sps.flag(False)  # vui_parameters_present
    sps.flag(False)  # sps_extension_present
    return Sps(sps, chroma > 0 and not separate, separate, order_bits, sao, sets, long_term, temporal_mvp)


def _write_listed_long_term(sps, random, order_bits):
    """Returns of each picture of the list whether it is used."""
    used = []
    for _ in range(sps.ue(random.choice((0, 1, 2, 5)))):
        sps.u(order_bits, random.randrange(1 << order_bits))
        used.append(sps.flag(maybe(random)))
    return used


def _write_pps(random, sps_id, pps_id, depth, extensions):
    pps = Bits()
    pps.ue(pps_id)
    pps.ue(sps_id)
    pps.flag(maybe(random))
    output, extra = pps.flag(maybe(random)), pps.u(3, random.randrange(3))
    pps.flag(maybe(random))
    cabac_init = pps.flag(maybe(random))
    references = [1 + pps.ue(random.randrange(4)) for _ in range(2)]
    first_qp = 26 + pps.se(random.randint(-26 - 6 * depth, 25))
    pps.u(2, random.randrange(4))
    if pps.flag(maybe(random)):
        pps.ue(random.randrange(3))
    pps.se(random.randint(-12, 12))
    pps.se(random.randint(-12, 12))
    pps.flag(maybe(random))
    of_p, of_b = pps.flag(maybe(random)), pps.flag(maybe(random))
    modified = _write_rest_of_pps(pps, random, extensions)
    return Pps(pps, output, extra, cabac_init, references, first_qp, (of_b, of_p), modified)


def _write_head(random, pps_id, sps, pps, kind):
    """The slice header up to its quantiser."""
    head = Bits()
    head.flag(True)
    if kind >= 16:
        head.flag(maybe(random))
    head.ue(pps_id)
    head.u(pps.extra, random.randrange(1 << pps.extra))
    after = Bits()  # what stands behind the slice's type, which depends on it
    if pps.output:
        after.flag(maybe(random))
    if sps.separate:
        after.u(2, random.randrange(3))
    used, use_temporal = (0, False) if kind in {19, 20} else _write_pictures(after, random, sps)
    slice_type = head.ue(2 if kind >= 16 or not used else random.randrange(3))
    if sps.sao:
        after.u(1 + sps.colour, 0)
    if slice_type != 2:
        _write_references(after, random, slice_type, used if pps.modified else 0, use_temporal, pps, sps.colour)
    head.append(after)
    return head


def _write_pictures(bits, random, sps):
    """Order and references of a picture that is no IDR; returns how many are used and if motion vectors of one are."""
    bits.u(sps.order_bits, random.randrange(1 << sps.order_bits))
    sets = sps.reference_sets
    if bits.flag(sets and maybe(random)):
        chosen = sets[bits.u((len(sets) - 1).bit_length(), random.randrange(len(sets)))]
    else:
        chosen = _write_reference_set(bits, random, sets, in_slice=True)
    used = sum(chosen.values())
    if sps.long_term is not None:
        used += _write_long_term(bits, random, sps.long_term, sps.order_bits)
    return used, sps.temporal_mvp and bits.flag(maybe(random))


def _write_scaling_lists(bits, random):
    for size in range(4):
        for matrix in range(0, 6, 3 if size == 3 else 1):
            if not bits.flag(maybe(random)):
                bits.ue(random.randrange(1 + (matrix // 3 if size == 3 else matrix)))
                continue
            if size > 1:
                bits.se(random.randint(-7, 247))
            for _ in range(min(64, 1 << (4 + 2 * size))):
                bits.se(random.randint(-128, 127))


def _write_rest_of_pps(pps, random, extensions):
    pps.flag(maybe(random))  # transquant_bypass
    tiles = pps.flag(maybe(random))
    pps.flag(maybe(random))
    if tiles:
        columns, rows = pps.ue(random.randrange(1, 4)), pps.ue(random.randrange(3))
        if not pps.flag(maybe(random)):
            for _ in range(columns + rows):
                pps.ue(0)
        pps.flag(maybe(random))
    pps.flag(maybe(random))
    if pps.flag(maybe(random)):
        pps.flag(maybe(random))
        if not pps.flag(maybe(random)):
            pps.se(random.randint(-6, 6))
            pps.se(random.randint(-6, 6))
    if pps.flag(maybe(random)):
        _write_scaling_lists(pps, random)
    modified = pps.flag(maybe(random))
    pps.ue(0)
    pps.flag(False)
    if pps.flag(extensions):
        pps.u(8, extensions)
    return modified


def _write_reference_set(bits, random, sets, *, in_slice):
    """Returns the set as distances to pictures and whether each is used, nearest first, past before future."""
    if sets and bits.flag(maybe(random)):
        back = 1 + (bits.ue(random.randrange(len(sets))) if in_slice else 0)
        base = list(sets[-back])
        shift = random.choice((-3, -2, -1, 1, 2, 3))
        bits.flag(shift < 0)
        bits.ue(abs(shift) - 1)
        changed = {}
        for distance in [*(one + shift for one in base), shift]:
            use, keep = maybe(random), maybe(random)
            if distance == 0 or len(changed) >= 8:
                use = keep = False
            if bits.flag(use) or bits.flag(keep):
                changed[distance] = use
    else:
        steps = [[random.randrange(1, 5) for _ in range(random.randrange(4))] for _ in range(2)]
        for side in steps:
            bits.ue(len(side))
        changed = {}
        for sign, side in zip((-1, 1), steps, strict=True):
            distance = 0
            for step in side:
                bits.ue(step - 1)
                distance += sign * step
                changed[distance] = bits.flag(maybe(random))
    past = {distance: changed[distance] for distance in sorted(changed, reverse=True) if distance < 0}
    return past | {distance: changed[distance] for distance in sorted(changed) if distance > 0}


def _write_long_term(bits, random, listed, order_bits):
    of_list = bits.ue(random.randrange(min(len(listed), 2) + 1)) if listed else 0
    own = bits.ue(random.randrange(3))
    used = 0
    for index in range(of_list + own):
        if index < of_list:
            used += listed[bits.u((len(listed) - 1).bit_length(), random.randrange(len(listed)))]
        else:
            bits.u(order_bits, random.randrange(1 << order_bits))
            used += bits.flag(maybe(random))
        if bits.flag(maybe(random)):
            bits.ue(0)
    return used


def _write_references(bits, random, slice_type, modifiable, use_temporal, pps, colour):
    is_b = slice_type == 0
    lengths = pps.references[: 1 + is_b]
    if bits.flag(maybe(random)):
        lengths = [1 + bits.ue(random.randrange(4)) for _ in lengths]
    if modifiable > 1:
        for length in lengths:
            if bits.flag(maybe(random)):
                for _ in range(length):
                    bits.u((modifiable - 1).bit_length(), random.randrange(modifiable))
    if is_b:
        bits.flag(maybe(random))
    if pps.cabac_init:
        bits.flag(maybe(random))
    if use_temporal:
        first_list = bits.flag(maybe(random)) if is_b else True
        length = lengths[0 if first_list else 1]
        if length > 1:
            bits.ue(random.randrange(length))
    if pps.weights[slice_type]:
        bits.ue(random.randrange(8))
        if colour:
            bits.se(0)
        for length in lengths:
            luma = [bits.flag(maybe(random)) for _ in range(length)]
            both = [bits.flag(maybe(random)) for _ in range(length)] if colour else [False] * length
            for of_luma, of_colour in zip(luma, both, strict=True):
                for _ in range(2 * of_luma + 4 * of_colour):
                    bits.se(random.randint(-100, 100))
    bits.ue(random.randrange(5))
