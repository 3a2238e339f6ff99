# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Unit tests: the part of CPython's unittest that fits a small machine.

It has TestCase with setUp, tearDown, setUpClass, tearDownClass, addCleanup and subTest, the
decorators to skip, TestSuite, TestRunner, and main(), which runs what is in the main module.
"""

import io
import sys


class SkipTest(Exception):
    """Raised by a test that does not apply here."""


class _AssertRaises:
    def __init__(self, expected):
        self.expected = expected
        self.exception = None

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc, tb):
        if exc_type is None:
            raise AssertionError("{} not raised".format(_name(self.expected)))
        self.exception = exc
        return issubclass(exc_type, self.expected)


class _SubTest:
    def __init__(self, case, label):
        self._case = case
        self._label = label

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc, tb):
        if exc_type is None:
            return None
        if issubclass(exc_type, Exception):
            self._case._result.note(self._label, exc)
            return True
        return False


def _name(expected):
    if isinstance(expected, tuple):
        return " or ".join(e.__name__ for e in expected)
    return expected.__name__


class TestCase:
    """One test for each method whose name begins with `test`."""

    failureException = AssertionError

    def __init__(self):
        self._cleanups = []
        self._result = None

    def setUp(self):
        pass

    def tearDown(self):
        pass

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def addCleanup(self, function, *args, **kwargs):
        self._cleanups.append((function, args, kwargs))

    def doCleanups(self):
        while self._cleanups:
            function, args, kwargs = self._cleanups.pop()
            function(*args, **kwargs)

    def subTest(self, msg=None, **params):
        words = [] if msg is None else [str(msg)]
        words.extend("{}={!r}".format(key, params[key]) for key in params)
        return _SubTest(self, "subtest ({})".format(", ".join(words)))

    def skipTest(self, reason):
        raise SkipTest(reason)

    def fail(self, msg="failed"):
        raise AssertionError(msg)

    def _check(self, passed, msg, text, *values):
        if not passed:
            shown = text.format(*[repr(v) for v in values])
            raise AssertionError(shown if msg is None else "{}: {}".format(shown, msg))

    def assertEqual(self, first, second, msg=None):
        self._check(first == second, msg, "{} != {}", first, second)

    def assertNotEqual(self, first, second, msg=None):
        self._check(not first == second, msg, "{} == {}", first, second)

    def assertLess(self, first, second, msg=None):
        self._check(first < second, msg, "{} not less than {}", first, second)

    def assertLessEqual(self, first, second, msg=None):
        self._check(first <= second, msg, "{} not less than or equal to {}", first, second)

    def assertGreater(self, first, second, msg=None):
        self._check(first > second, msg, "{} not greater than {}", first, second)

    def assertGreaterEqual(self, first, second, msg=None):
        self._check(first >= second, msg, "{} not greater than or equal to {}", first, second)

    def _near(self, first, second, places, delta):
        if first == second:
            return True
        if delta is not None:
            return abs(first - second) <= delta
        return round(abs(first - second), 7 if places is None else places) == 0

    def assertAlmostEqual(self, first, second, places=None, msg=None, delta=None):
        near = self._near(first, second, places, delta)
        self._check(near, msg, "{} not nearly {}", first, second)

    def assertNotAlmostEqual(self, first, second, places=None, msg=None, delta=None):
        near = self._near(first, second, places, delta)
        self._check(not near, msg, "{} nearly {}", first, second)

    def assertIs(self, first, second, msg=None):
        self._check(first is second, msg, "{} is not {}", first, second)

    def assertIsNot(self, first, second, msg=None):
        self._check(first is not second, msg, "{} is {}", first, second)

    def assertIsNone(self, value, msg=None):
        self._check(value is None, msg, "{} is not None", value)

    def assertIsNotNone(self, value, msg=None):
        self._check(value is not None, msg, "it is None")

    def assertTrue(self, value, msg=None):
        self._check(value, msg, "{} is not true", value)

    def assertFalse(self, value, msg=None):
        self._check(not value, msg, "{} is not false", value)

    def assertIn(self, member, container, msg=None):
        self._check(member in container, msg, "{} not in {}", member, container)

    def assertNotIn(self, member, container, msg=None):
        self._check(member not in container, msg, "{} in {}", member, container)

    def assertIsInstance(self, value, cls, msg=None):
        self._check(isinstance(value, cls), msg, "{} is not an instance of {}", value, cls)

    def assertNotIsInstance(self, value, cls, msg=None):
        self._check(not isinstance(value, cls), msg, "{} is an instance of {}", value, cls)

    def assertRaises(self, expected, function=None, *args, **kwargs):
        """As a context manager, or calls the function."""
        context = _AssertRaises(expected)
        if function is None:
            return context
        with context:
            function(*args, **kwargs)
        return None


def skip(reason):
    """Decorate a test method or a TestCase that shall not run."""

    def decorate(target):
        if isinstance(target, type) and issubclass(target, TestCase):
            target._skip_reason = reason
            return target

        def skipped(self):
            raise SkipTest(reason)

        return skipped

    return decorate


def skipIf(condition, reason):
    return skip(reason) if condition else lambda target: target


def skipUnless(condition, reason):
    return skipIf(not condition, reason)


class TestResult:
    """Counts, and the lists `failures`, `errors` and `skipped` of (test, text)."""

    def __init__(self):
        self.testsRun = 0
        self.failures = []
        self.errors = []
        self.skipped = []

    def note(self, name, exc):
        text = io.StringIO()
        sys.print_exception(exc, text)
        into = self.failures if isinstance(exc, AssertionError) else self.errors
        into.append((name, text.getvalue()))

    def wasSuccessful(self):
        return not self.failures and not self.errors


class TestSuite:
    """Test cases (classes or objects), functions and other suites, to be run in order."""

    def __init__(self, name=""):
        self.name = name
        self._tests = []

    def addTest(self, test):
        self._tests.append(test)

    def run(self, result):
        for test in self._tests:
            if isinstance(test, TestSuite):
                test.run(result)
            elif isinstance(test, type):
                _run_class(test, result)
            elif isinstance(test, TestCase):
                _run_class(type(test), result)
            else:
                _run_function(test, result)
        return result


def _run_steps(name, steps, result):
    """Call the first step; the others after it whatever happens. Print what came of it."""
    print(name, end=" ... ")
    result.testsRun += 1
    before = len(result.failures) + len(result.errors)
    outcome = "ok"
    for step in steps:
        try:
            step()
        except SkipTest as exc:
            outcome = "skipped: {}".format(exc.args[0] if exc.args else "")
            result.skipped.append((name, outcome))
        except Exception as exc:
            result.note(name, exc)
    failed = len(result.failures) + len(result.errors) > before
    print("FAIL" if failed else outcome)


def _run_method(cls, method_name, result):
    case = cls()
    TestCase.__init__(case)  # A subclass may have an __init__ of its own.
    case._result = result

    def test():
        case.setUp()
        try:
            getattr(case, method_name)()
        finally:
            case.tearDown()

    name = "{} ({})".format(method_name, cls.__name__)
    _run_steps(name, (test, case.doCleanups), result)


def _run_class(cls, result):
    names = sorted(name for name in dir(cls) if name.startswith("test"))
    reason = getattr(cls, "_skip_reason", None)
    if reason is not None:
        for name in names:
            result.testsRun += 1
            result.skipped.append((name, reason))
            print("{} ({}) ... skipped: {}".format(name, cls.__name__, reason))
        return
    try:
        cls.setUpClass()
    except Exception as exc:
        result.note("setUpClass ({})".format(cls.__name__), exc)
        return
    for name in names:
        _run_method(cls, name, result)
    try:
        cls.tearDownClass()
    except Exception as exc:
        result.note("tearDownClass ({})".format(cls.__name__), exc)


def _run_function(function, result):
    _run_steps(function.__name__, (function,), result)


class TestRunner:
    """Runs a suite and prints the result."""

    def run(self, suite):
        result = suite.run(TestResult())
        for kind, cases in (("ERROR", result.errors), ("FAIL", result.failures)):
            for name, text in cases:
                print("=" * 70)
                print("{}: {}".format(kind, name))
                print("-" * 70)
                print(text)
        print("-" * 70)
        print("Ran {} tests\n".format(result.testsRun))
        if not result.wasSuccessful():
            print(
                "FAILED (failures={}, errors={})".format(len(result.failures), len(result.errors))
            )
        elif result.skipped:
            print("OK (skipped={})".format(len(result.skipped)))
        else:
            print("OK")
        return result


TextTestRunner = TestRunner


def _suite_of(module):
    suite = TestSuite(module.__name__)
    for name in dir(module):
        value = getattr(module, name)
        if isinstance(value, type):
            if issubclass(value, TestCase) and value is not TestCase:
                suite.addTest(value)
        elif name.startswith("test") and callable(value):
            suite.addTest(value)
    return suite


def main(module="__main__", testRunner=None):
    """Run the tests of a module, given or by name, and return the result."""
    if isinstance(module, str):
        module = __import__(module)
    runner = testRunner or TestRunner()
    if isinstance(runner, type):
        runner = runner()
    return runner.run(_suite_of(module))
