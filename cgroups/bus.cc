#include "cgroups/bus.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/socket.h"
#include "base/strings.h"

namespace cgroups {
namespace {

constexpr uint8_t kAnswer = 2;
constexpr uint8_t kError = 3;
constexpr uint8_t kSignal = 4;

Error error_of(const BusMessage& message) {
  BusReader reader(message.body);
  auto words = reader.string();
  const std::string text = words ? ": " + printable(*words) : "";
  return {ErrorKind::kSystem, printable(message.error_name) + text};
}

}  // namespace

Result<Bus> Bus::connect(const std::string& path) {
  Bus bus = TRY(connect_directly(path));
  bus.is_direct_ = false;
  TRY(bus.call({"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", "", ""}));
  return bus;
}

Result<Bus> Bus::connect_directly(const std::string& path) {
  Bus bus;
  auto connected = connect_to_path(path);
  if (!connected)
    return not_found("connect to D-Bus at " + path + ": " + errno_text(connected.error().error_number()));
  bus.socket_ = std::move(*connected);
  TRY(bus.authenticate());
  return bus;
}

Result<void> Bus::authenticate() {
  std::string uid_in_hex;
  for (const char digit : std::to_string(::geteuid()))
    uid_in_hex += std::string("3") + digit;
  // The zero byte carries credentials on systems that need one to.
  TRY(send(std::string(1, '\0') + "AUTH EXTERNAL " + uid_in_hex + "\r\n"));
  std::string line;
  constexpr size_t kLongest = 256;
  while (!line.ends_with("\r\n") && line.size() < kLongest)
    line += TRY(receive(1));
  if (!line.starts_with("OK ")) return corrupt("D-Bus: authentication is refused: " + printable(trim(line)));
  return send("BEGIN\r\n");
}

Result<void> Bus::send(const std::string& bytes) const {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = ::send(socket_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno("send to D-Bus", errno);
    sent += static_cast<size_t>(count);
  }
  return ok();
}

Result<std::string> Bus::receive(size_t count) const {
  constexpr int kTimeoutMs = 30'000;
  std::string bytes(count, '\0');
  size_t got = 0;
  while (got < count) {
    pollfd entry = {socket_.get(), POLLIN, 0};
    const int ready = ::poll(&entry, 1, kTimeoutMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return Error::from_errno("poll", errno);
    if (ready == 0) return Error::from_errno("wait for D-Bus", ETIMEDOUT);
    const ssize_t part = ::recv(socket_.get(), bytes.data() + got, count - got, 0);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return Error::from_errno("receive from D-Bus", errno);
    if (part == 0) return Error::from_errno("D-Bus has closed the connection", ECONNRESET);
    got += static_cast<size_t>(part);
  }
  return bytes;
}

Result<BusMessage> Bus::next_message() const {
  std::string bytes = TRY(receive(kBusHead));
  const size_t rest = TRY(bytes_after_head(bytes));
  bytes += TRY(receive(rest));
  return unmarshal(bytes);
}

Result<BusMessage> Bus::call(const BusCall& call) {
  const uint32_t serial = ++serial_;
  TRY(send(marshal(call, serial)));
  for (;;) {
    BusMessage message = TRY(next_message());
    if (message.type == kSignal) {
      signals_.push_back(std::move(message));
      continue;
    }
    if (message.reply_serial != serial) continue;
    if (message.type == kAnswer) return message;
    if (message.type == kError) return error_of(message).in(call.member);
  }
}

Result<BusMessage> Bus::next_signal(const std::string& member) {
  for (;;) {
    BusMessage message;
    if (signals_.empty()) {
      message = TRY(next_message());
    } else {
      message = std::move(signals_.front());
      signals_.pop_front();
    }
    if (message.type == kSignal && message.member == member) return message;
  }
}

}  // namespace cgroups
