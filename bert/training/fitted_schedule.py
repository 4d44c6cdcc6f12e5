"""A schedule that is fitted to the time. A run of so many minutes ends with a learning rate of 0, on any machine.

A run of N updates knows how much of it is over: the fraction step / N. A run of so many minutes learns its N on the
way. It measures its speed and estimates N again and again. From each estimate on, the fraction goes in a straight line
from where it is to 1 at the newest N. So the learning rate bends, and never jumps:

    fraction
    1 |                        ../   the last estimate holds, whatever the clock says: the run lands
      |                   .../
      |          ......../           a slower hour: the newest N is smaller, the line steeper
      |   ....../
    0 +---------------------------- step

The speed changes the numbers of the run. So each estimate is a decision (``decisions.py``) that a resumed run repeats.

The learning rate warms up, holds its peak, and falls to 0 over the last part of the run:

    rate
    peak |        ..............
         |     ...              ...      as in MiniCPM (Hu et al. 2024: "warmup-stable-decay"),
         |  ...                    ...   and with a long fall, as in Haegele et al. 2024, "Scaling Laws
       0 +---------------------------    and Compute-Optimal Training Beyond Fixed Training Durations"

While it holds, the rate does not depend on the run's length, which is an estimate.
"""

from collections import deque
from dataclasses import dataclass, replace

from bert.training.decisions import Decisions
from bert.training.flags import LARGEST
from bert.training.optimizer import BETAS
from bert.training.progress import Progress
from bert.training.schedule import WARMUP_SHARE, Leg, Schedule, make_schedule
from bert.training.settings import TrainingSettings

EVERY = 0.01  # of the time: so much lies between two estimates
LANDING = 0.02  # of the time: the last estimate is made so early
FIRST, EARLIEST = 8, 0.1  # updates before the first estimate, unless they take so much of the time: they may compile
RECENT = 100  # updates whose time counts
FALL = 0.4  # of the run: the last part, over which the rate falls
# BERT's Adam has no bias correction. Its average of squared gradients starts at 0, and is too small at first: after N
# updates it has the share 1 - beta2 ** N of its value, and 95 % after 3 / (1 - beta2) = 3,000. So 3,000 updates warm
# up. In a run that is too short for so many, all updates do until the rate falls.
# Why so many: tiny reads film reviews for 1,000 updates before its loss falls below 6 nats. If the rate rises above
# 1.5e-3 too soon, that takes longer. With 400 updates of warm-up, up to 2e-3, the loss stayed there to the end.
SETTLED = round(3 / (1 - BETAS[1]))


@dataclass(frozen=True)
class FittedSchedule(Schedule):
    """A schedule that ends when the run's time is over. ``max_steps`` is the newest estimate of that update.

    ``warmup_steps`` is the most updates that warm up. A tenth of the run or ``SETTLED`` do, if the user leaves it open.
    """

    seconds: float = 0.0  # of training, in all sessions of the run
    limit: int = LARGEST  # updates, whatever the time
    warmup_share: float = 1.0  # of the run; 1: warmup_steps alone counts
    start: int = 0  # of the leg
    begun: float = 0.0

    @property
    def leg(self) -> Leg:
        """The straight line that the fraction of the run is on since the newest estimate."""
        return Leg(self.start, self.begun, self.max_steps)

    def decay(self, fraction: float) -> float:
        """The share of the peak that is left: 1 while the rate holds, then on a line down to 0."""
        return min(1.0, (1 - fraction) / FALL)

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of update ``step`` (0 is the first)."""
        fraction = self.leg.fraction(step + 1)
        risen = (step + 1) / max(1, self.warmup_steps)
        if self.warmup_share < 1:
            settled = max((step + 1) / SETTLED, fraction / (1 - FALL))
            risen = max(risen, min(settled, fraction / self.warmup_share))
        return self.learning_rate * min(1.0, risen, self.decay(self.leg.fraction(step)))

    def refitted(self, step: int, max_steps: int) -> "FittedSchedule":
        """The schedule with another end, whose leg begins at update ``step``."""
        end = min(max(max_steps, step + 1), self.limit)
        return replace(self, max_steps=end, start=step, begun=self.leg.fraction(step))


def make_fitted_schedule(
    settings: TrainingSettings, updates_per_epoch: int, minutes: float, most_warmup_steps: int = LARGEST
) -> FittedSchedule:
    """The schedule of a run of so many minutes. Updates or epochs of the settings limit it too: the sooner ends it.

    If the settings leave it open, a tenth of the run warms up, at most ``most_warmup_steps``. A short run warms up
    longer (``SETTLED``).
    """
    unlimited = settings.max_steps is None and settings.epochs is None
    plain = make_schedule(replace(settings, max_steps=LARGEST) if unlimited else settings, updates_per_epoch)
    left_open = settings.warmup_steps is None
    warmup = {"warmup_steps": most_warmup_steps, "warmup_share": WARMUP_SHARE} if left_open else {}
    seconds = min(60 * minutes, LARGEST)  # 68 years: any number of minutes is allowed
    return FittedSchedule(**vars(plain) | warmup, seconds=seconds, limit=plain.max_steps)


class Fitting:
    """Fits a run's schedule to its time, update by update.

    Args:
        schedule: as the settings make it.
        progress: where the run stands, with the leg that it was on.
        decisions: the estimates of the sessions before. All processes must make this object, and use it, alike.

    Attributes:
        schedule: as fitted so far.
    """

    def __init__(self, schedule: FittedSchedule, progress: Progress, decisions: Decisions):
        self.schedule, self._decisions = schedule, decisions
        self._session_began = self._trained = progress.seconds
        self._estimated: float | None = None  # when, in this session
        self._updates = -1  # of this session
        self._recent: deque[float] = deque(maxlen=RECENT)  # seconds of the newest updates
        self._landing: int | None = None
        since = self._lay(progress)
        # Only if its update is made. Else the schedule is still to be laid to it, in before_update.
        self.lands = any(since <= step < progress.step for step, _ in decisions.made("landing", progress.step))

    def _lay(self, progress: Progress) -> int:
        """Lays the schedule from where the run stands. Returns the update since which the time has been what it is."""
        step, decisions, leg = progress.step, self._decisions, progress.leg and Leg(*progress.leg)
        milliseconds = max(1, round(1000 * self.schedule.seconds))
        times = decisions.made("milliseconds", step)
        if not times or times[-1][1] != milliseconds:  # a new run, or another time than before
            for name in ("milliseconds", "max_steps", "landing"):
                decisions.forget(name, step)
            decisions.decide("milliseconds", step, lambda: milliseconds)
            times = [(step, milliseconds)]
        begun_at = times[-1][0]
        if begun_at < step and leg:
            end = min(self.schedule.limit, leg.end)
            self.schedule = replace(self.schedule, start=leg.start, begun=leg.begun, max_steps=end)
        elif step > 0:  # other flags, from here on
            over = min(1.0, progress.seconds / self.schedule.seconds)
            begun = min(over, leg.fraction(step)) if leg else over
            end = min(self.schedule.limit, max(step + 1 + step // 100, round(step / max(over, 1e-6))))
            self.schedule = replace(self.schedule, start=step, begun=begun, max_steps=end)
        return begun_at

    @property
    def planned(self) -> dict[str, float]:
        """The newest estimate of the run's updates, for a report. Nothing before there is one."""
        return {"planned_steps": self.schedule.max_steps} if self.schedule.max_steps < LARGEST else {}

    def before_update(self, step: int, seconds: float, paused: float) -> FittedSchedule:
        """The schedule of update ``step``, fitted anew if that is due.

        Args:
            seconds: of training until now, over all sessions.
            paused: how many of this session's seconds went to evaluations and checkpoints.
        """
        trained = seconds - paused
        self._updates += 1
        if self._updates > 1:  # the first update of a session takes longer
            self._recent.append(trained - self._trained)
        self._trained = trained
        if self.lands or step % max(1, step // 1000):  # a thousand times a run is often enough to look at the clock
            return self.schedule
        self._landing = None
        max_steps = self._decisions.decide("max_steps", step, lambda: self._estimate(step, seconds, paused))
        if max_steps is not None:
            self.schedule = self.schedule.refitted(step, max_steps)
            self.lands = self._decisions.decide("landing", step, lambda: self._landing) is not None
        return self.schedule

    def _estimate(self, step: int, seconds: float, paused: float) -> int | None:
        """The number of updates of the run, by the clock. None: no new estimate is due."""
        time, recent = self.schedule.seconds, sorted(self._recent)
        left = time - seconds
        is_last = left <= LANDING * time
        if not recent or (len(recent) < FIRST and seconds - self._session_began < EARLIEST * time and not is_last):
            return None
        if self._estimated is not None and seconds - self._estimated < EVERY * time and not is_last:
            return None
        self._estimated = seconds
        middle = recent[len(recent) // 4 : len(recent) - len(recent) // 4]  # a stall is no speed
        speed = 1 / max(1e-9, sum(middle) / len(middle) + paused / self._updates)
        # The last estimate has time for a landing, even if a stall has eaten it. It is not made anew.
        steps = round(speed * (max(left, LANDING / 2 * time) if is_last else left))
        max_steps = min(LARGEST, step + max(1, steps))
        self._landing = max_steps if is_last else None
        return max_steps
