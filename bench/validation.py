"""How well pictures are judged: faults of many kinds and strengths, made from real pictures, and false alarms.

Blur is in points of the picture as it is judged, 320 wide: sigma 3 is 18 points of 1080p. Looks are 10 s apart. A fault
counts as found when its verdict stands at its third look, which is within 3 x every_s.

False alarms are counted over days that are told short: each has all that happens in a day (dusk and dawn with the
switch to infrared, rain, fog, headlights, a lorry before the lens, a reboot, the camera turned, hours of nothing in a
still corridor), only fewer looks between. With none in N days, the rate is below 3 / N a day with 95 % confidence.
"""

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import report
from validation_scenes import (
    HEIGHT,
    TABLE,
    TUNING,
    WIDTH,
    Camera,
    Sky,
    corridor,
    fetch,
    frames,
)
from validation_streams import DAY, NIGHT, freezes, stream_days

from edge.validator.judge import ChannelJudge
from edge.validator.verdict import Change

EVERY_S = 10
CONFIRM = 3
WARM_UP_LOOKS = 32
FAULT_LOOKS = 5
VALID_LOOKS = 6
CACHE = Path.home() / ".cache" / "saksi" / "validation"
Fault = Callable[[Camera, np.ndarray, Sky], np.ndarray]


def blur(sigma: float) -> Fault:
    """The lens out of focus; the sensor's noise stays."""

    def apply(camera: Camera, picture: np.ndarray, sky: Sky) -> np.ndarray:
        return camera.sense(cv2.GaussianBlur(picture, (0, 0), sigma * WIDTH / 320).astype(np.float32), sky)

    return apply


def cover(share: float) -> Fault:
    """Something before the lens, from one side, with a soft rim; its tone and side differ from camera to camera."""

    def apply(camera: Camera, picture: np.ndarray, sky: Sky) -> np.ndarray:
        random = np.random.default_rng(camera.random.bit_generator.seed_seq.entropy)
        mask = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
        side = int(random.integers(4))
        rows, columns = round(HEIGHT * share), round(WIDTH * share)
        places = (np.s_[:rows], np.s_[HEIGHT - rows :], np.s_[:, :columns], np.s_[:, WIDTH - columns :])
        mask[places[side]] = 1
        mask = mask if share == 1 else cv2.GaussianBlur(mask, (0, 0), 8)
        tone = random.integers(40, 180, 3).astype(np.float32)
        tone = np.full(3, tone.mean()) if sky.infrared else tone
        gradient = np.linspace(0.85, 1.15, WIDTH, dtype=np.float32)[None, :, None]
        covered = picture * (1 - mask[..., None]) + mask[..., None] * tone * gradient
        return camera.sense(covered.astype(np.float32), sky)

    return apply


def black(noise: float) -> Fault:
    """No light at all, or the lens cap."""
    return lambda camera, _, sky: camera.sense(np.full((HEIGHT, WIDTH, 3), 10, np.float32), replace(sky, noise=noise))


def screen(colour: tuple[int, int, int], words: str = "") -> Fault:
    """What a device draws where it has no picture."""

    def apply(_: Camera, __: np.ndarray, ___: Sky) -> np.ndarray:
        picture = np.full((HEIGHT, WIDTH, 3), colour, dtype=np.uint8)
        cv2.putText(picture, words, (170, 200), cv2.FONT_HERSHEY_DUPLEX, 1.8, (240, 240, 240), 3)
        return picture

    return apply


def bars(_: Camera, __: np.ndarray, ___: Sky) -> np.ndarray:
    """Colour bars."""
    tones = [(192, 192, 192), (0, 192, 192), (192, 192, 0), (0, 192, 0), (192, 0, 192), (0, 0, 192), (192, 0, 0)]
    row = np.repeat(np.array(tones, dtype=np.uint8), -(-WIDTH // 7), axis=0)[:WIDTH]
    return np.repeat(row[None], HEIGHT, axis=0).copy()


def frozen(_: Camera, picture: np.ndarray, __: Sky) -> np.ndarray:
    """The same again; that it is, is up to the caller."""
    return picture


@dataclass(frozen=True)
class Case:
    """A fault of one strength; `clock`: the camera writes one, `clear`: must be found, `steady`: constant quality."""

    reason: str
    strength: str
    fault: Fault
    clear: bool = True
    clock: bool = True
    steady: bool = False


CASES = (
    Case("frozen", "no clock", frozen, clock=False, steady=True),
    Case("frozen", "clock", frozen, steady=True),
    Case("frozen", "clock, quality varies", frozen, clear=False),
    *(Case("blurred", f"sigma {sigma:g}", blur(sigma), clear=sigma >= 3) for sigma in (1, 1.5, 2, 3, 4, 6)),
    *(Case("covered", f"{share:.0%}", cover(share), clear=share >= 0.7) for share in (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1)),
    *(Case("black", f"noise {noise}", black(noise)) for noise in (0, 3, 8)),
    Case("no_signal", "blue", screen((200, 20, 10))),
    Case("no_signal", "blue, words", screen((200, 20, 10), "NO SIGNAL")),
    Case("no_signal", "grey, words", screen((110, 110, 110), "NO VIDEO"), steady=True),
    Case("no_signal", "black, words", screen((0, 0, 0), "NO VIDEO"), steady=True),
    Case("no_signal", "black, words, quality varies", screen((0, 0, 0), "NO VIDEO"), clear=False),
    Case("no_signal", "grey", screen((128, 128, 128)), clock=False),
    Case("no_signal", "bars", bars),
)


@dataclass
class Tally:
    """What came of one case."""

    tries: int = 0
    found: int = 0
    in_time: int = 0
    as_other: Counter = field(default_factory=Counter)
    looks: list[int] = field(default_factory=list)
    ended: int = 0


def try_case(camera: Camera, judge: ChannelJudge, case: Case, sky: Sky, tally: Tally, clock_ms: list[int]) -> None:
    """The fault, then the good picture again."""

    def look(picture: np.ndarray, *, clock: bool = True, steady: bool = False) -> Change | None:
        clock_ms[0] += EVERY_S * 1000
        return judge.look(camera.look(picture, clock=clock, steady=steady), clock_ms[0]).change

    tally.tries += 1
    still = camera.see(sky)
    for number in range(1, FAULT_LOOKS + 1):
        picture = case.fault(camera, still if case.reason == "frozen" else camera.see(sky), sky)
        change = look(picture, clock=case.clock, steady=case.steady)
        if change and change.now:
            tally.found += 1
            tally.in_time += number <= CONFIRM
            tally.looks.append(number)
            if change.now.finding.reason != case.reason:
                tally.as_other[change.now.finding.reason] += 1
            break
    for _ in range(VALID_LOOKS):
        look(camera.see(sky))
    tally.ended += judge.verdict is None


def detection(
    sources: dict[str, list[np.ndarray]], cameras: int, seed: int
) -> tuple[dict[tuple[str, str, str], Tally], dict[str, Tally]]:
    """Every case, by day and in infrared, on cameras of every source; and the clear ones by source."""
    tallies: dict[tuple[str, str, str], Tally] = defaultdict(Tally)
    by_source: dict[str, Tally] = defaultdict(Tally)
    for number in range(cameras):
        for index, (name, views) in enumerate(sources.items()):
            for light, sky in (("day", DAY), ("infrared", NIGHT)):
                camera = Camera(views, seed + 1000 * number + 10 * index + sky.infrared)
                judge, clock_ms = ChannelJudge(confirm=CONFIRM), [0]
                for _ in range(WARM_UP_LOOKS):
                    clock_ms[0] += EVERY_S * 1000
                    change = judge.look(camera.look(camera.see(sky)), clock_ms[0]).change
                    if change:
                        print(f"!! {name} {light}: {change} while valid")
                for case in CASES:
                    tally = tallies[case.reason, case.strength, light]
                    before = tally.in_time
                    try_case(camera, judge, case, sky, tally, clock_ms)
                    if case.clear:
                        by_source[name].tries += 1
                        by_source[name].in_time += tally.in_time - before
    return tallies, by_source


def some_noise(random: np.random.Generator) -> tuple[float, float]:
    """Of one sensor, in infrared and by day."""
    return float(random.choice([0.3, 0.5, 1.0, 2.0, 4.0])), float(random.choice([0.5, 1.5, 3.0]))


def short_day(random: np.random.Generator, looks: int, noise: tuple[float, float]) -> Iterator[tuple[str, Sky]]:
    """All that happens from midnight to midnight; `looks` is how many the quiet hours are given."""
    quiet = Sky(light=0.9, infrared=True, people=0, noise=noise[0], moving=False)
    day = Sky(noise=noise[1], people=int(random.integers(0, 6)))

    def some(name: str, sky: Sky, count: int) -> Iterator[tuple[str, Sky]]:
        return ((name, sky) for _ in range(count))

    yield from some("corridor at night", quiet, looks // 3)
    yield from some("headlights", replace(quiet, glare=True), 2)
    yield from some("night", replace(quiet, people=1), 20)
    for _ in range(3):
        yield from some("dawn", replace(day, light=0.35), 3)
        yield from some("dawn, infrared", quiet, 2)
    for step in range(40):
        yield "morning", replace(day, light=0.35 + 0.65 * step / 40)
    yield from some("day", day, looks // 3)
    for step in (*range(60), *range(60, 0, -1)):
        yield "fog", replace(day, fog=0.9 * step / 60)
    yield from some("lorry", replace(day, lorry=True), 2)
    yield from some("rain", replace(day, rain=True, light=0.8), 40)
    yield from some("reboot", replace(day, light=0.0, noise=0), 2)
    yield from some("day", day, 20)
    yield from some("turned", replace(day, turned=True), 60)
    yield from some("turned back", day, 60)
    for step in range(40):
        yield "evening", replace(day, light=1 - 0.8 * step / 40, noise=day.noise + 2 * step / 40)
    yield from some("lights on", replace(day, light=1.0), 10)
    yield from some("lights off", replace(day, light=0.15, noise=4), 20)
    yield from some("infrared", replace(quiet, rain=bool(random.integers(2))), 20)
    yield from some("corridor at night", quiet, looks // 3)


def shows_nothing(picture: np.ndarray) -> bool:
    """Whether the sensor gives next to black in all but a hundredth of the picture, its rim and noise left out."""
    rim = HEIGHT // 7
    return float(np.percentile(cv2.blur(cv2.cvtColor(picture[rim:-rim], cv2.COLOR_BGR2GRAY), (9, 9)), 99)) < 20


def valid_days(
    sources: dict[str, list[np.ndarray]], days: int, looks: int, seed: int
) -> tuple[list[list[object]], dict[str, float]]:
    """Alarms and single findings over days told short; each source keeps its judge from day to day."""
    findings: Counter = Counter()
    alarms: Counter = Counter()
    count: Counter = Counter()
    cameras = {name: Camera(views, seed + place) for place, (name, views) in enumerate(sources.items())}
    judges = {name: ChannelJudge(confirm=CONFIRM) for name in sources}
    noises = {name: some_noise(camera.random) for name, camera in cameras.items()}
    spent_s, at_ms = 0.0, 0
    for number in range(days):
        name = list(sources)[number % len(sources)]
        camera, judge = cameras[name], judges[name]
        for part, sky in short_day(camera.random, looks, noises[name]):
            seen = camera.see(sky)
            look = camera.look(seen)
            began_s = time.thread_time()
            at_ms += EVERY_S * 1000
            outcome = judge.look(look, at_ms)
            spent_s += time.thread_time() - began_s
            count[part] += 1
            if outcome.finding:
                findings[part, outcome.finding.reason] += 1
            if outcome.change and outcome.change.now:
                reason = outcome.change.now.finding.reason
                is_right = reason == "black" and shows_nothing(seen)
                alarms[part, f"{reason}, rightly" if is_right else reason] += 1
                print(f"!! {name} {part}: {outcome.change.now.finding}{' rightly' if is_right else ''}")
    rows = [[part, times, _listed(findings, part), _listed(alarms, part)] for part, times in count.items()]
    total = sum(times for (_, reason), times in alarms.items() if not reason.endswith("rightly"))
    looks_seen = sum(count.values())
    return rows, {
        "days": days,
        "looks": looks_seen,
        "alarms": total,
        "a_day_95": (3.0 if not total else total + 2 * total**0.5 + 3) / days,
        "ms_a_look": 1000 * spent_s / looks_seen,
    }


def _listed(counts: Counter, part: str) -> str:
    return ", ".join(f"{reason} {times}" for (where, reason), times in counts.items() if where == part) or "-"


def _row(case: tuple[str, str, str], one: Tally) -> list[object]:
    reason, strength, light = case
    return [
        f"{reason} {strength}, {light}",
        one.tries,
        f"{one.in_time / one.tries:.1%}",
        f"{one.found / one.tries:.1%}",
        f"{EVERY_S * sum(one.looks) / len(one.looks):.1f}" if one.looks else "-",
        f"{one.ended / one.tries:.1%}",
        ", ".join(f"{other} {times}" for other, times in one.as_other.items()) or "-",
    ]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cameras", type=int, default=6, help="cameras of each source, each by day and in infrared")
    parser.add_argument("--days", type=int, default=100, help="days told short, for false alarms")
    parser.add_argument("--looks", type=int, default=120, help="looks of the quiet hours of such a day")
    parser.add_argument("--streams", type=int, default=20, help="whole streams with a freeze: 20 s each")
    parser.add_argument("--stream-days", type=int, default=0, help="days told short as whole streams: 5 min each")
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--tuning", action="store_true", help="the footage that the limits were set on instead")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where what is fetched is kept")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    folder = fetch(arguments.cache)
    sources = {name: frames(folder, name) for name in (TUNING if arguments.tuning else TABLE)}
    if arguments.tuning:
        sources["corridor, drawn"] = corridor()
    results: dict[str, object] = {}
    if arguments.cameras:
        tallies, by_source = detection(sources, arguments.cameras, arguments.seed)
        detected = [_row(case, one) for case, one in tallies.items()]
        columns = ["fault", "tries", "within 3 looks", "within 5", "mean s", "ended", "told as other"]
        print(report.table(columns, detected))
        rows = [[name, one.tries, f"{one.in_time / one.tries:.1%}"] for name, one in by_source.items()]
        share = sum(one.in_time for one in by_source.values()) / sum(one.tries for one in by_source.values())
        rows.append(["all", sum(one.tries for one in by_source.values()), f"{share:.2%}"])
        print("\n" + report.table(["clear faults by view", "tries", "within 3 looks"], rows) + "\n")
        results |= {"detection": detected, "clear": rows}
    if arguments.streams:
        rows = freezes(sources, arguments.streams, arguments.seed)
        columns = ["freeze in a whole stream", "tries", "within 3 looks", "within 6", "alarms before"]
        print(report.table(columns, rows), "\n")
        results["streams"] = rows
    if arguments.stream_days:
        rows = stream_days(sources, arguments.stream_days, arguments.looks, arguments.seed, short_day)
        print(report.table(["valid streams", "days told short", "looks", "alarms"], rows), "\n")
        results["stream_days"] = rows
    if arguments.days:
        rows, estimate = valid_days(sources, arguments.days, arguments.looks, arguments.seed + 7)
        print(report.table(["valid footage", "looks", "findings of single looks", "alarms"], rows))
        print("\n{days} days told short, {looks} looks of {ms_a_look:.2f} ms".format(**estimate))
        print("{alarms} alarms, below {a_day_95:.3f} a day".format(**estimate))
        results |= {"valid": rows, "estimate": estimate}
    print(report.write("validation", results))


if __name__ == "__main__":
    main()
