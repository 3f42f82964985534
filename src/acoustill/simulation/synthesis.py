"""Building blocks of the synthetic sounds: force pulses, modal bodies, time-varying spectra, levels.

Everything is synthesised at the final sample rate from parts that are band-limited by construction: smooth
force pulses no shorter than four samples, resonators below the Nyquist frequency, and noise that is white at
that rate. Nothing therefore folds back. Contacts, decays and the power density of noise are the same at every rate,
so that below the lower of two Nyquist frequencies a sound has the same spectrum at both rates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal as dsp

Array = NDArray[np.float64]

REFERENCE_PRESSURE = 20e-6
REFERENCE_RATE = 12288
"""Sample rate in hertz in whose samples impulses and noise are stated: that of AVIA, whatever the rate of synthesis."""
SHORTEST_CONTACT = 4 / REFERENCE_RATE
_FAST = 0.125


@dataclass(frozen=True)
class Body:
    """A vibrating thing as a sum of exponentially decaying modes.

    Attributes:
        frequencies: (modes,) in hertz.
        decays: (modes,) seconds until a mode has fallen by 60 dB.
        gains: (modes,) relative amplitudes of radiation.
    """

    frequencies: Array
    decays: Array
    gains: Array


def force_pulses(samples: int, sample_rate: int, times: Array, impulses: Array, contacts: Array | float) -> Array:
    """Contact forces as raised-cosine pulses, placed with sub-sample accuracy.

    A raised cosine of width w has its first spectral zero at 2 / w, so pulses are never made shorter than
    four samples: their spectrum is then empty at the Nyquist frequency. At high rates, where four samples would be
    a crack harder than any body, `SHORTEST_CONTACT` (a third of a millisecond) is the limit.

    Args:
        samples: length of the result.
        sample_rate: hertz.
        times: (events,) centres of the pulses in seconds.
        impulses: (events,) the area under each pulse, in samples of `REFERENCE_RATE`.
        contacts: (events,) or one number, how long each contact lasts in seconds.

    Returns:
        (samples,) the force.
    """
    if not len(times):
        return np.zeros(samples)
    lasting = np.maximum(np.asarray(contacts), SHORTEST_CONTACT) * sample_rate
    half = np.broadcast_to(np.maximum(lasting, 4.0) / 2, times.shape)[:, None]
    areas = impulses[:, None] * (sample_rate / REFERENCE_RATE)
    centre = (times * sample_rate)[:, None]
    index = np.ceil(centre - half).astype(np.int64) + np.arange(int(2 * half.max()) + 1)
    position = (index - centre) / half
    force = np.where(np.abs(position) < 1, 1 + np.cos(np.pi * position), 0.0) * (areas / (2 * half))
    inside = (index >= 0) & (index < samples)
    return np.bincount(index[inside], weights=force[inside], minlength=samples).astype(np.float64, copy=False)


def white_noise(samples: int, sample_rate: int, rng: np.random.Generator) -> Array:
    """Noise of the same power per hertz at every rate, and of unit root mean square at `REFERENCE_RATE`.

    Args:
        samples: length of the result.
        sample_rate: hertz.
        rng: the source of the noise.

    Returns:
        (samples,) the noise.
    """
    return np.sqrt(sample_rate / REFERENCE_RATE) * rng.standard_normal(samples)


def noise_bursts(
    samples: int,
    sample_rate: int,
    times: Array,
    strengths: Array,
    decay: float,
    rng: np.random.Generator,
) -> Array:
    """White noise under an envelope that jumps at each event and falls off exponentially.

    Args:
        samples: length of the result.
        sample_rate: hertz.
        times: (events,) seconds.
        strengths: (events,) root mean square at the event, of what lies below half of `REFERENCE_RATE`.
        decay: time constant in seconds.
        rng: the source of the noise.

    Returns:
        (samples,) the noise.
    """
    index = np.clip(np.round(times * sample_rate).astype(np.int64), 0, samples - 1)
    jumps = np.bincount(index, weights=strengths, minlength=samples)
    envelope = dsp.lfilter([1.0], [1.0, -np.exp(-1.0 / (decay * sample_rate))], jumps)
    return envelope * white_noise(samples, sample_rate, rng)


def strike(
    samples: int,
    sample_rate: int,
    times: Array,
    strengths: Array,
    contact: float,
    body: Body,
    rng: np.random.Generator,
    *,
    variety: float = 0.3,
    noise: Array | None = None,
) -> Array:
    """Modal synthesis of a body that is struck at given times.

    Harder blows are shorter, as in Hertz's contact (duration proportional to velocity to the power -1/5), and
    so brighter. Each blow lands elsewhere, so each excites the modes a little differently.

    Args:
        samples: length of the result.
        sample_rate: hertz.
        times: (events,) seconds.
        strengths: (events,) velocity of the blow, relative.
        contact: duration in seconds of a blow of strength 1.
        body: what rings; see `within_band`.
        rng: the source of the variety.
        variety: standard deviation of the log gain of a mode from blow to blow.
        noise: (samples,) a further force common to all modes, as of rough surfaces.

    Returns:
        (samples,) the sound, in arbitrary units.
    """
    body = within_band(body, sample_rate)
    contacts = contact * np.maximum(strengths, 0.05) ** -0.2
    places = np.exp(variety * rng.standard_normal((len(body.frequencies), len(times))))
    out = np.zeros(samples)
    for frequency, decay, gain, place in zip(body.frequencies, body.decays, body.gains, places, strict=True):
        force = force_pulses(samples, sample_rate, times, strengths * place, contacts)
        if noise is not None:
            force += noise
        out += gain * dsp.lfilter(*resonator(frequency, decay, sample_rate), force)
    return radiated(out, body, sample_rate)


def within_band(body: Body, sample_rate: int) -> Body:
    """The modes of a body below 0.45 of the sample rate; where there is none, its lowest one, lowered to there."""
    limit = 0.45 * sample_rate
    kept = body.frequencies < limit
    if not kept.any():
        kept = body.frequencies == body.frequencies.min()
    return Body(np.minimum(body.frequencies[kept], limit), body.decays[kept], body.gains[kept])


def radiated(vibration: Array, body: Body, sample_rate: int) -> Array:
    """What is heard of a body's vibration: (samples,); it is too small to radiate far below its lowest mode."""
    edge = 0.5 * float(body.frequencies.min())
    return np.asarray(dsp.sosfilt(dsp.butter(2, edge, "highpass", fs=sample_rate, output="sos"), vibration))


def resonator(frequency: float, decay: float, sample_rate: int) -> tuple[list[float], list[float]]:
    """The digital filter of one mode, whose response to an impulse of area 1 is a sine that falls off exponentially.

    Args:
        frequency: hertz, below half the sample rate.
        decay: seconds until the mode has fallen by 60 dB.
        sample_rate: hertz.

    Returns:
        Numerator and denominator.
    """
    angle, radius = 2 * np.pi * frequency / sample_rate, 10 ** (-3 / (decay * sample_rate))
    gain = REFERENCE_RATE / sample_rate  # it integrates force over time
    return [0.0, gain * radius * np.sin(angle)], [1.0, -2 * radius * np.cos(angle), radius**2]


def sine_window(hop: int) -> Array:
    """A window (2 * hop,) whose square and that of the next one, `hop` samples later, add up to one."""
    window: Array = np.sin(np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop))
    return window


def shape_spectrum(
    signal: Array, sample_rate: int, response: Callable[[Array, Array], NDArray[np.complex128]]
) -> Array:
    """Filters a signal with a response that changes over time (weighted overlap-add).

    Args:
        signal: (samples,).
        sample_rate: hertz.
        response: given times (frames,) in seconds and frequencies (bins,) in hertz, the complex response
            (frames, bins).

    Returns:
        (samples,) the filtered signal.
    """
    hop = 2 ** round(np.log2(0.02 * sample_rate))
    window = sine_window(hop)
    frames = -(-len(signal) // hop) + 1
    padded: Array = np.zeros((frames + 1) * hop)
    padded[hop : hop + len(signal)] = signal
    blocks = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[::hop] * window
    spectrum = np.fft.rfft(blocks)
    times: Array = np.arange(frames, dtype=np.float64) * (hop / sample_rate)
    spectrum *= response(times, np.fft.rfftfreq(2 * hop, 1 / sample_rate).astype(np.float64))
    blocks = np.fft.irfft(spectrum) * window
    out = np.zeros((frames + 1, hop))
    out[:-1] += blocks[:, :hop]
    out[1:] += blocks[:, hop:]
    return out.ravel()[hop : hop + len(signal)]


def resonance(frequencies: Array, centres: Array, bandwidths: Array) -> NDArray[np.complex128]:
    """The response of second-order resonators in cascade, one at zero frequency (formant synthesis).

    After Klatt, "Software for a cascade/parallel formant synthesizer", J. Acoust. Soc. Am. 67 (1980).

    Args:
        frequencies: (bins,) hertz.
        centres: (..., resonators) hertz.
        bandwidths: broadcast against centres, hertz.

    Returns:
        (..., bins) complex response.
    """
    s = 1j * frequencies
    square = (centres**2)[..., None]
    width = np.broadcast_to(bandwidths, centres.shape)[..., None]
    return np.prod(square / (s**2 + width * s + square), axis=-2)


def band_noise(samples: int, sample_rate: int, low: float, high: float, rng: np.random.Generator) -> Array:
    """Noise between two frequencies, of unit root mean square.

    Args:
        samples: length of the result.
        sample_rate: hertz; both edges are kept below 0.48 of it.
        low: lower edge in hertz.
        high: upper edge in hertz.
        rng: the source of the noise.

    Returns:
        (samples,) the noise.
    """
    top = 0.48 * sample_rate
    edges = [min(low, 0.7 * top), min(max(high, 1.2 * low), top)]
    sections = dsp.butter(2, edges, "bandpass", fs=sample_rate, output="sos")
    noise = dsp.sosfilt(sections, rng.standard_normal(samples))
    return noise / max(float(np.sqrt(np.mean(noise**2))), 1e-12)


def active_level(signal: NDArray[np.floating], sample_rate: int) -> float:
    """The sound pressure level while something is heard.

    The mean over blocks of 125 ms ("fast" of IEC 61672) that lie within 20 dB of the loudest one.

    Args:
        signal: (samples,) in pascal.
        sample_rate: hertz.

    Returns:
        Decibels re 20 micropascal; minus infinity for silence.
    """
    block = max(1, min(len(signal), round(_FAST * sample_rate)))
    power = np.mean(signal[: len(signal) // block * block].reshape(-1, block).astype(np.float64) ** 2, axis=1)
    loud = power[power >= 0.01 * power.max()]
    if not power.max() > 0:
        return -np.inf
    return float(10 * np.log10(loud.mean() / REFERENCE_PRESSURE**2))
