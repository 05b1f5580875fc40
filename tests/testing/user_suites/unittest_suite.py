"""A user's tests with unittest; `test_endpoint_double.py` reads what is said about them."""

from __future__ import annotations

import contextlib
import unittest
import urllib.error

from app_under_test import ask

from mistral_on_azure.testing import EndpointTestCase

PLACES = set()


class Tests(EndpointTestCase):
    def setUp(self):
        super().setUp()
        self.endpoint.answer("Hello", "Hi")
        PLACES.add(self.endpoint.url)

    def test_a_right_one(self):
        self.assertEqual(ask("Hello"), "Hi")

    def test_a_wrong_one(self):
        self.assertEqual(ask("Hello", temperature=0.1), "wrong")

    def test_one_that_the_app_bears(self):
        with contextlib.suppress(urllib.error.HTTPError):
            ask("Hullo")

    def test_one_that_the_app_does_not_bear(self):
        ask("Not borne")

    @unittest.skip("as users do")
    def test_one_that_is_skipped(self):
        raise NotImplementedError

    @unittest.expectedFailure
    def test_one_that_is_known_to_fail(self):
        self.assertEqual(ask("Hello"), "never")


class Coroutines(EndpointTestCase, unittest.IsolatedAsyncioTestCase):
    kind = "managed"

    async def test_a_right_one(self):
        self.assertEqual(self.endpoint.kind, "managed")

    async def test_a_wrong_coroutine(self):
        self.endpoint.answer("Hello", "Hi")
        self.assertEqual(ask("Hello", temperature=0.2), "wrong")


def tearDownModule():
    assert len(PLACES) == 1, PLACES
