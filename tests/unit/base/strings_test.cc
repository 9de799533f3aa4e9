#include "base/strings.h"

#include <catch2/catch.hpp>

TEST_CASE("printable escapes what could drive a terminal") {
  CHECK(printable("plain, äöü, 한국") == "plain, äöü, 한국");
  CHECK(printable("\x1b[31mred") == "\\x1b[31mred");
  CHECK(printable("a\xff"
                  "b") == "a\\xffb");
  CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");           // C1 CSI as UTF-8
  CHECK(printable("\xe2\x80\xae") == "\\xe2\\x80\\xae");  // right-to-left override
  CHECK(printable("\xc0\x80") == "\\xc0\\x80");           // overlong NUL
}

TEST_CASE("numbers are digits only") {
  CHECK(parse_uint("42").value() == 42);
  for (const char* bad : {"", "-1", "+1", " 1", "1 ", "0x10", "18446744073709551616"})
    CHECK_FALSE(parse_uint(bad));
}

TEST_CASE("shell words survive a shell") {
  CHECK(shell_quote("a b") == "'a b'");
  CHECK(shell_quote("it's") == "'it'\\''s'");
  CHECK(shell_quote("") == "''");
  CHECK(shell_words({"echo", "x;y"}) == "echo 'x;y'");
}
