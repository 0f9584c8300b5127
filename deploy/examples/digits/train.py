"""Trains a small neural network on handwritten digits with nothing but Python's standard library.

Its twin train.mjs does the same in plain Node: the same network, the same order of samples, the same files. A
checkpoint is kept after each epoch, so a job that was stopped goes on where it was.
"""

import argparse
import json
import math
import os
import sys
import time
from operator import mul

CLASSES = 10
PIXELS = 64
PIXEL_MAX = 16
TEST_SHARE = 5  # One sample in five is held out.


def random_source(seed):
    """Mulberry32: tiny, seeded, and the same in every language."""
    state = seed & 0xFFFFFFFF

    def draw():
        nonlocal state
        state = (state + 0x6D2B79F5) & 0xFFFFFFFF
        mixed = ((state ^ (state >> 15)) * (state | 1)) & 0xFFFFFFFF
        mixed ^= (mixed + (((mixed ^ (mixed >> 7)) * (mixed | 61)) & 0xFFFFFFFF)) & 0xFFFFFFFF
        return ((mixed ^ (mixed >> 14)) & 0xFFFFFFFF) / 4294967296

    return draw


def shuffled(items, draw):
    order = list(items)
    for last in range(len(order) - 1, 0, -1):
        other = int(draw() * (last + 1))
        order[last], order[other] = order[other], order[last]
    return order


def load_samples(path):
    """Rows of 64 pixels (0..16) and a label; pixels are scaled to 0..1."""
    samples = []
    with open(path, encoding="ascii") as lines:
        for line in lines:
            *pixels, label = map(int, line.split(","))
            if len(pixels) != PIXELS or not 0 <= label < CLASSES:
                raise ValueError(f"line {len(samples) + 1} of {path} is not a digit")
            samples.append(([pixel / PIXEL_MAX for pixel in pixels], label))
    return samples


def new_model(hidden, draw):
    def layer(outputs, inputs):
        reach = math.sqrt(6 / inputs)
        return [[(draw() * 2 - 1) * reach for _ in range(inputs)] for _ in range(outputs)]

    return {"w1": layer(hidden, PIXELS), "b1": [0.0] * hidden, "w2": layer(CLASSES, hidden), "b2": [0.0] * CLASSES}


def forward(model, pixels):
    """Hidden activations (ReLU) and class probabilities (softmax)."""
    hidden = [max(0.0, sum(map(mul, row, pixels)) + bias) for row, bias in zip(model["w1"], model["b1"])]
    scores = [sum(map(mul, row, hidden)) + bias for row, bias in zip(model["w2"], model["b2"])]
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    total = sum(powers)
    return hidden, [power / total for power in powers]


def add_scaled(target, values, factor):
    return [old + factor * value for old, value in zip(target, values)]


def train_batch(model, batch, rate):
    """One step of mini-batch gradient descent on the cross-entropy. Returns summed loss and right guesses."""
    grad1 = [[0.0] * PIXELS for _ in model["w1"]]
    grad2 = [[0.0] * len(model["w1"]) for _ in range(CLASSES)]
    bias1, bias2 = [0.0] * len(model["w1"]), [0.0] * CLASSES
    loss, right = 0.0, 0
    for pixels, label in batch:
        hidden, chances = forward(model, pixels)
        loss -= math.log(max(chances[label], 1e-12))
        right += chances.index(max(chances)) == label
        errors = [chance - (digit == label) for digit, chance in enumerate(chances)]
        for digit, error in enumerate(errors):
            grad2[digit] = add_scaled(grad2[digit], hidden, error)
            bias2[digit] += error
        for unit, activation in enumerate(hidden):
            if activation > 0:
                blame = sum(error * row[unit] for error, row in zip(errors, model["w2"]))
                grad1[unit] = add_scaled(grad1[unit], pixels, blame)
                bias1[unit] += blame
    step = -rate / len(batch)
    model["w1"] = [add_scaled(row, grad, step) for row, grad in zip(model["w1"], grad1)]
    model["w2"] = [add_scaled(row, grad, step) for row, grad in zip(model["w2"], grad2)]
    model["b1"] = add_scaled(model["b1"], bias1, step)
    model["b2"] = add_scaled(model["b2"], bias2, step)
    return loss, right


def accuracy_of(model, samples):
    right = 0
    for pixels, label in samples:
        chances = forward(model, pixels)[1]
        right += chances.index(max(chances)) == label
    return right / len(samples)


def draw_curve(history):
    """Accuracy per epoch, on training and held-out samples, as an SVG picture."""
    left, right, top, bottom = 70, 610, 50, 330
    low = math.floor(min(min(row["trainAccuracy"], row["testAccuracy"]) for row in history) * 10) / 10
    low = min(low, 0.9)
    last = max(2, history[-1]["epoch"])

    def across(epoch):
        return left + (right - left) * (epoch - 1) / (last - 1)

    def upward(share):
        return bottom - (bottom - top) * (share - low) / (1 - low)

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 400" font-family="sans-serif" font-size="12">',
        '<rect width="640" height="400" fill="#ffffff"/>',
        '<text x="340" y="28" text-anchor="middle" font-size="16">Handwritten digits: accuracy per epoch</text>',
    ]
    ticks = round((1 - low) * 10)
    for tick in range(ticks + 1):
        share = low + tick / 10
        y = f"{upward(share):.1f}"
        parts.append(f'<line x1="{left}" y1="{y}" x2="{right}" y2="{y}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y}" text-anchor="end" dy="4">{round(share * 100)} %</text>')
    stride = max(1, math.ceil(last / 10))
    for epoch in range(1, last + 1, stride):
        parts.append(f'<text x="{across(epoch):.1f}" y="{bottom + 18}" text-anchor="middle">{epoch}</text>')
    parts.append(f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="#333333"/>')
    parts.append(f'<text x="340" y="{bottom + 42}" text-anchor="middle">epoch</text>')
    parts.append('<text transform="translate(20 190) rotate(-90)" text-anchor="middle">accuracy</text>')
    for key, name, colour, y in (
        ("trainAccuracy", "training", "#9a6b00", 290),
        ("testAccuracy", "held out", "#0b5cad", 310),
    ):
        points = " ".join(f'{across(row["epoch"]):.1f},{upward(row[key]):.1f}' for row in history)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<line x1="500" y1="{y}" x2="530" y2="{y}" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="538" y="{y}" dy="4">{name}</text>')
    return "\n".join(parts + ["</svg>", ""])


def write_whole(path, text):
    """A reader sees the old file or the new one, never half of it."""
    with open(path + ".part", "w", encoding="utf-8") as target:
        target.write(text)
    os.replace(path + ".part", path)


def load_checkpoint(path, settings):
    """The state after the last finished epoch, if it belongs to the same settings."""
    if path is None or not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as source:
        found = json.load(source)
    return found if found["settings"] == settings else None


def rounded(model):
    return {
        name: [[round(value, 6) for value in row] if isinstance(row, list) else round(row, 6) for row in rows]
        for name, rows in model.items()
    }


def parse_settings():
    parser = argparse.ArgumentParser(description="Trains a small network on handwritten digits.")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=0.2)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seed", type=int, default=7)
    found = parser.parse_args()
    if min(found.epochs, found.hidden, found.batch) < 1 or found.learning_rate <= 0:
        parser.error("epochs, hidden, batch and learning rate must be positive")
    return found


def main():
    settings = parse_settings()
    started = time.monotonic()
    here = os.path.dirname(os.path.abspath(__file__))
    artifacts = os.environ.get("NABLA_ARTIFACTS") or "artifacts"
    checkpoint_folder = os.environ.get("NABLA_CHECKPOINT_DIR")
    metrics_file = os.environ.get("NABLA_METRICS_FILE")
    os.makedirs(artifacts, exist_ok=True)
    samples = shuffled(load_samples(os.path.join(here, "digits.csv")), random_source(settings.seed))
    held_out = len(samples) // TEST_SHARE
    test, train = samples[:held_out], samples[held_out:]
    print(f"{len(train)} samples to learn from, {len(test)} held out, Python {sys.version.split()[0]}", flush=True)

    # The number of epochs is not part of what a checkpoint depends on.
    lasting = {"hidden": settings.hidden, "rate": settings.learning_rate, "batch": settings.batch, "seed": settings.seed}
    checkpoint = None
    if checkpoint_folder:
        os.makedirs(checkpoint_folder, exist_ok=True)
        checkpoint = os.path.join(checkpoint_folder, "digits-python.json")
    state = load_checkpoint(checkpoint, lasting)
    if state is None:
        state = {"model": new_model(settings.hidden, random_source(settings.seed + 1)), "history": [], "settings": lasting}
    else:
        print(f"going on after epoch {len(state['history'])}", flush=True)

    model, history = state["model"], state["history"]
    for epoch in range(len(history) + 1, settings.epochs + 1):
        order = shuffled(train, random_source(settings.seed + 1000 + epoch))
        loss, right = 0.0, 0
        for first in range(0, len(order), settings.batch):
            batch_loss, batch_right = train_batch(model, order[first : first + settings.batch], settings.learning_rate)
            loss, right = loss + batch_loss, right + batch_right
        row = {
            "epoch": epoch,
            "loss": round(loss / len(train), 6),
            "trainAccuracy": round(right / len(train), 6),
            "testAccuracy": round(accuracy_of(model, test), 6),
        }
        history.append(row)
        print(f"epoch {epoch:2d}  loss {row['loss']:.4f}  accuracy {row['testAccuracy'] * 100:.1f} %", flush=True)
        if metrics_file:
            with open(metrics_file, "a", encoding="utf-8") as target:
                target.write(json.dumps({"step": epoch, "loss": row["loss"], "accuracy": row["testAccuracy"]}) + "\n")
        if checkpoint:
            write_whole(checkpoint, json.dumps(state))

    final = history[-1]
    metrics = {
        "accuracy": final["testAccuracy"],
        "trainAccuracy": final["trainAccuracy"],
        "loss": final["loss"],
        "epochs": len(history),
        "seconds": round(time.monotonic() - started, 3),
        "samples": len(samples),
        "testSamples": len(test),
        "runtime": "python " + sys.version.split()[0],
    }
    described = {"kind": "mlp", "layers": [PIXELS, settings.hidden, CLASSES], "pixelMax": PIXEL_MAX, **rounded(model)}
    write_whole(os.path.join(artifacts, "model.json"), json.dumps(described) + "\n")
    write_whole(os.path.join(artifacts, "learning-curve.svg"), draw_curve(history))
    write_whole(os.path.join(artifacts, "metrics.json"), json.dumps(metrics, indent=2) + "\n")
    print(f"accuracy on held-out digits: {metrics['accuracy'] * 100:.1f} % after {metrics['seconds']:.1f} s", flush=True)


if __name__ == "__main__":
    main()
