#include "tests/unit/cgroups/fake_systemd.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cgroups/bus.h"

namespace {

std::string removed_job(const std::string& job, const std::string& result) {
  cgroups::BusWriter body;
  body.u32(9);
  body.string(job);
  body.string("x.scope");
  body.string(result);
  return bus_message(4, 0, "JobRemoved", "uoss", body.bytes());
}

uint32_t serial_of(const std::string& bytes) {
  uint32_t serial = 0;
  std::memcpy(&serial, bytes.data() + 8, sizeof serial);
  return serial;
}

// What systemd would do: one connection, every call answered; a scope's job ends with `result`. The calls are
// kept in `log`.
[[noreturn]] void serve(int listener, const std::string& log, const std::string& result) {
  const Fd client(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  const bool is_root = read_line(client.get()) == std::string(1, '\0') + "AUTH EXTERNAL 30\r\n";
  (void)write_all(client.get(), is_root ? "OK 0123\r\n" : "REJECTED\r\n");
  (void)read_exactly(client.get(), std::strlen("BEGIN\r\n"));
  for (;;) {
    std::string bytes = read_exactly(client.get(), cgroups::kBusHead);
    bytes += read_exactly(client.get(), cgroups::bytes_after_head(bytes).value());
    (void)create_file(log + std::to_string(serial_of(bytes)), bytes, 0600);
    cgroups::BusWriter body;
    body.string("/job/1");
    if (contains(bytes, "StartTransientUnit") || contains(bytes, "StopUnit")) {
      if (result == "refused") {
        cgroups::BusWriter words;
        words.string("Unit x.scope already exists.");
        (void)write_all(client.get(), bus_message(3, serial_of(bytes), "org.freedesktop.systemd1.UnitExists",
                                                  "s", words.bytes()));
        continue;
      }
      // Another's job first; ours before its answer, as may happen.
      (void)write_all(client.get(), removed_job("/job/0", "failed") + removed_job("/job/1", result));
    }
    (void)write_all(client.get(), bus_message(2, serial_of(bytes), "", "o", body.bytes()));
  }
}

}  // namespace

std::string bus_message(uint8_t type, uint32_t reply_to, const std::string& member,
                        const std::string& signature, const std::string& body) {
  cgroups::BusWriter writer;
  writer.byte('l');
  writer.byte(type);
  writer.byte(0);
  writer.byte(1);
  writer.u32(static_cast<uint32_t>(body.size()));
  writer.u32(77);
  const size_t mark = writer.begin_array(8);
  if (reply_to != 0) {
    writer.align(8);
    writer.byte(5);
    writer.signature("u");
    writer.u32(reply_to);
  }
  for (const auto& [code, text] : {std::pair<uint8_t, std::string>(3, type == 4 ? member : ""),
                                   std::pair<uint8_t, std::string>(4, type == 3 ? member : "")}) {
    if (text.empty()) continue;
    writer.align(8);
    writer.byte(code);
    writer.signature("s");
    writer.string(text);
  }
  if (!signature.empty()) {
    writer.align(8);
    writer.byte(8);
    writer.signature("g");
    writer.signature(signature);
  }
  writer.end_array(mark);
  writer.align(8);
  return writer.bytes() + body;
}

std::string read_exactly(int fd, size_t count) {
  std::string bytes(count, '\0');
  size_t got = 0;
  while (got < count) {
    const ssize_t part = ::recv(fd, bytes.data() + got, count - got, 0);
    if (part <= 0) ::_exit(2);
    got += static_cast<size_t>(part);
  }
  return bytes;
}

std::string read_line(int fd) {
  std::string line;
  while (!line.ends_with("\r\n"))
    line += read_exactly(fd, 1);
  return line;
}

FakeSystemd::FakeSystemd(const std::string& directory, const std::string& result) {
  const std::string path = directory + "/bus";
  const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  pid_ = ::fork();
  if (pid_ == 0) serve(listener.get(), directory + "/call", result);
}

FakeSystemd::~FakeSystemd() {
  const Fd pidfd = sys::pidfd_open(pid_).value();
  (void)sys::pidfd_send_signal(pidfd.get(), SIGKILL);
  (void)wait_for(pidfd.get());
}
