import cv2
import numpy as np

from scanner.child.cameras import luma

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)


def test_the_luma_of_each_raw_buffer_is_the_grey_picture():
    yuyv = np.dstack([GREY, np.full_like(GREY, 128)])

    assert (luma(yuyv, 8, 6) == GREY).all()
    assert (luma(yuyv.reshape(1, -1), 8, 6) == GREY).all()
    assert (luma(GREY, 8, 6) == GREY).all()
    assert (luma(GREY.reshape(1, -1), 8, 6) == GREY).all()
    assert (luma(GREY[:, :, None], 8, 6) == GREY).all()


def test_a_raw_jpeg_is_decoded_to_grey():
    picture = np.full((60, 80), 77, np.uint8)
    buffer = cv2.imencode(".jpg", picture)[1].reshape(1, -1)

    plane = luma(buffer, 80, 60)

    assert plane.shape == (60, 80)
    assert abs(int(plane.mean()) - 77) <= 1


def test_a_torn_buffer_is_no_picture():
    assert luma(np.zeros((1, 0), np.uint8), 8, 6) is None
    assert luma(np.zeros((1, 33), np.uint8), 8, 6) is None
    assert luma(np.zeros((6, 8), np.uint16), 8, 6) is None
