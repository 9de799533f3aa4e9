#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "engine/clients.h"
#include "engine/frames.h"
#include "engine/network_files.h"
#include "engine/pump.h"
#include "engine/terminal.h"
#include "tests/unit/temporary_directory.h"

using engine::FrameKind;

namespace {

std::string typed(engine::DetachKeys& keys, const std::string& text, bool& detached) {
  return keys.filter(text, detached);
}

struct Pair {
  Fd a;
  Fd b;
};
Pair socket_pair() {
  auto pair = sys::socketpair(AF_UNIX, SOCK_SEQPACKET);
  REQUIRE(pair);
  return {std::move(pair->ours), std::move(pair->theirs)};
}

}  // namespace

TEST_CASE("detach keys are found across reads, and what only looked like them is passed on") {
  const auto bytes = engine::parse_detach_keys("ctrl-p,ctrl-q");
  REQUIRE(bytes);
  CHECK(*bytes == "\x10\x11");
  CHECK(engine::parse_detach_keys("a,ctrl-[").value() == "a\x1b");
  CHECK_FALSE(engine::parse_detach_keys("ctrl-1"));
  CHECK(engine::parse_detach_keys("")->empty());
  engine::DetachKeys keys(*bytes);
  bool detached = false;
  CHECK(typed(keys, "ls\x10", detached) == "ls");
  CHECK(typed(keys, "x", detached) == "\x10x");
  CHECK(typed(keys, "\x10\x10", detached) == "\x10");
  CHECK_FALSE(detached);
  CHECK(typed(keys, "\x11more", detached).empty());
  CHECK(detached);
  engine::DetachKeys none("");
  detached = false;
  CHECK(typed(none, "\x10\x11", detached) == "\x10\x11");
  CHECK_FALSE(detached);
}

TEST_CASE("frames go through whole, the end is told from nothing yet") {
  auto [a, b] = socket_pair();
  REQUIRE(engine::send_frame(a.get(), FrameKind::kOutput, std::string(engine::kMaxPayload, 'x'), true));
  REQUIRE(engine::send_frame(a.get(), FrameKind::kExit, engine::pack_numbers({7, 9}), true));
  CHECK(engine::receive_frame(b.get(), true)->payload.size() == engine::kMaxPayload);
  const auto exit = engine::receive_frame(b.get(), true);
  REQUIRE(exit);
  CHECK(exit->kind == FrameKind::kExit);
  CHECK(engine::number_at(exit->payload, 0) == 7);
  CHECK(engine::number_at(exit->payload, 1) == 9);
  CHECK(engine::number_at(exit->payload, 2) == 0);
  CHECK(engine::receive_frame(b.get(), false).error().error_number() == EAGAIN);
  CHECK_FALSE(
      engine::send_frame(a.get(), FrameKind::kOutput, std::string(engine::kMaxPayload + 1, 'x'), true));
  a.reset();
  CHECK(engine::receive_frame(b.get(), true).error().kind() == ErrorKind::kNotFound);
}

TEST_CASE("packets that are no frames are refused") {
  auto [a, b] = socket_pair();
  REQUIRE(sys::write(a.get(), std::string_view("\xff")));
  CHECK(engine::receive_frame(b.get(), true).error().kind() == ErrorKind::kCorrupt);
  REQUIRE(sys::write(a.get(), std::string(engine::kMaxPayload + 2, '\x01')));
  CHECK(engine::receive_frame(b.get(), true).error().kind() == ErrorKind::kCorrupt);
}

TEST_CASE("a monitor's socket works below a path longer than sun_path") {
  const TemporaryDirectory directory;
  const std::string deep = directory.path() + "/" + std::string(200, 'd');
  REQUIRE(make_directories(deep));
  CHECK(engine::connect_to(deep, "s").error().kind() == ErrorKind::kNotFound);
  auto listener = engine::listen_at(deep, "s");
  REQUIRE(listener);
  const auto client = engine::connect_to(deep, "s");
  REQUIRE(client);
  CHECK(engine::accept_from_root(listener->get()));
  listener->reset();
  CHECK(engine::connect_to(deep, "s").error().kind() == ErrorKind::kNotFound);
  CHECK(engine::listen_at(deep, "s"));  // the dead one's file is no obstacle
}

TEST_CASE("a client that does not read blocks the container, a dead one does not") {
  auto [ours, theirs] = socket_pair();
  engine::Clients clients;
  clients.add_attached(std::move(ours), engine::kWantOutput);
  for (int i = 0; i < 100 && !clients.is_blocked(); ++i)
    clients.broadcast(FrameKind::kOutput, std::string(engine::kMaxPayload, 'x'), engine::kWantOutput);
  CHECK(clients.is_blocked());
  CHECK(clients.has_unsent());
  theirs.reset();
  clients.flush(clients.all().front());
  CHECK_FALSE(clients.is_blocked());
  clients.remove_closed();
  CHECK(clients.is_empty());
}

TEST_CASE("the pump carries output to log and client, input to the container, until the end") {
  const TemporaryDirectory directory;
  auto in = sys::pipe2(0);
  auto out = sys::pipe2(0);
  auto err = sys::pipe2(0);
  auto [ours, theirs] = socket_pair();
  REQUIRE((in && out && err));
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(in->reader.get(), 0);
    ::dup2(out->writer.get(), 1);
    ::dup2(err->writer.get(), 2);
    for (int fd = 3; fd < 64; ++fd)
      ::close(fd);
    ::execl("/bin/sh", "sh", "-c", "cat; echo oops >&2; exit 3", nullptr);
    ::_exit(127);
  }
  in->reader.reset();
  out->writer.reset();
  err->writer.reset();
  const auto pidfd = sys::pidfd_open(child);
  REQUIRE(pidfd);
  engine::LogWriter log({.path = directory.path() + "/log"});
  engine::Clients clients;
  clients.add_attached(std::move(ours), engine::kWantInput | engine::kWantOutput | engine::kWantError);
  REQUIRE(engine::send_frame(theirs.get(), FrameKind::kInput, "hello\n", true));
  REQUIRE(engine::send_frame(theirs.get(), FrameKind::kInputEnd, "", true));
  engine::ContainerStreams streams = {std::move(in->writer), std::move(out->reader), std::move(err->reader),
                                      Fd(), true};
  engine::Pump pump(std::move(streams), log, clients);
  pump.run(pidfd->get(), -1);
  pump.drain(100);
  CHECK(wait_for(pidfd->get())->shell_code() == 3);
  const auto first = engine::receive_frame(theirs.get(), false);
  REQUIRE(first);
  CHECK(first->kind == FrameKind::kOutput);
  CHECK(first->payload == "hello\n");
  const auto second = engine::receive_frame(theirs.get(), false);
  REQUIRE(second);
  CHECK(second->kind == FrameKind::kError);
  CHECK(contains(read_file(directory.path() + "/log").value(), "hello\\n"));
}

TEST_CASE("/etc/hosts and /etc/resolv.conf") {
  const auto hosts = engine::hosts_file({"db:10.0.0.2", "six:[::2]", "eq=10.0.0.3"});
  REQUIRE(hosts);
  CHECK(contains(*hosts, "127.0.0.1\tlocalhost\n"));
  CHECK(contains(*hosts, "10.0.0.2\tdb\n"));
  CHECK(contains(*hosts, "::2\tsix\n"));
  CHECK(contains(*hosts, "10.0.0.3\teq\n"));
  CHECK(engine::hosts_file({"db:nonsense"}).error().text() == "invalid IP address in add-host: \"nonsense\"");
  const std::string host = "# c\nnameserver 127.0.0.53\nnameserver 9.9.9.9\nsearch a b\noptions edns0\n";
  CHECK(engine::resolver_file(host, {}, false) == "nameserver 9.9.9.9\nsearch a b\noptions edns0\n");
  CHECK(engine::resolver_file(host, {}, true).starts_with("nameserver 127.0.0.53\n"));
  CHECK(engine::resolver_file(host, {{"1.1.1.1"}, {"."}, {"ndots:1"}}, false) ==
        "nameserver 1.1.1.1\noptions ndots:1\n");
}
