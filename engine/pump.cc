#include "engine/pump.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/syscalls.h"

namespace engine {

namespace {

constexpr size_t kMostInput = 65536;

void set_nonblocking(const Fd& fd) {
  if (fd) ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

}  // namespace

Pump::Pump(ContainerStreams streams, LogWriter& log, Clients& clients)
    : streams_(std::move(streams)), log_(log), clients_(clients) {
  // The flag belongs to our end of each pipe alone: the container's ends stay blocking.
  for (const Fd* fd : {&streams_.in, &streams_.out, &streams_.err, &streams_.console})
    set_nonblocking(*fd);
  if (streams_.console) {
    console_peer_ = Fd(::ioctl(streams_.console.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  }
}

void Pump::add_entry(int fd, short events) {
  if (fd >= 0) entries_.push_back({fd, events, 0});
}

short Pump::events_of(int fd) const {
  for (const auto& entry : entries_) {
    if (entry.fd == fd) return entry.revents;
  }
  return 0;
}

void Pump::prepare_entries(int pidfd, int listener_fd) {
  entries_.clear();
  add_entry(pidfd, POLLIN);
  add_entry(listener_fd, POLLIN);
  const bool takes_output = !clients_.is_blocked();
  const bool has_input = !pending_input_.empty();
  if (streams_.console) {
    const int events = (takes_output ? POLLIN : 0) | (has_input ? POLLOUT : 0);
    if (events != 0) add_entry(streams_.console.get(), static_cast<short>(events));
  } else {
    if (takes_output) add_entry(streams_.out.get(), POLLIN);
    if (takes_output) add_entry(streams_.err.get(), POLLIN);
    if (has_input) add_entry(streams_.in.get(), POLLOUT);
  }
  for (const auto& client : clients_.all()) {
    const int events =
        (pending_input_.size() < kMostInput ? POLLIN : 0) | (client.queue.empty() ? 0 : POLLOUT);
    add_entry(client.socket.get(), static_cast<short>(events));
  }
}

void Pump::run(int pidfd, int listener_fd) {
  for (;;) {
    prepare_entries(pidfd, listener_fd);
    if (::poll(entries_.data(), entries_.size(), -1) < 0) continue;  // EINTR; ENOMEM passes
    if (events_of(pidfd) != 0) return;
    serve_clients(pidfd);
    read_streams();
    write_input();
    if (listener_fd >= 0 && events_of(listener_fd) != 0) {
      if (auto socket = accept_from_root(listener_fd)) clients_.add(std::move(*socket));
    }
    clients_.remove_closed();
  }
}

void Pump::serve_clients(int pidfd) {
  for (auto& client : clients_.all()) {
    const short events = events_of(client.socket.get());
    if ((events & POLLOUT) != 0) clients_.flush(client);
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) take_frames(client, pidfd);
  }
}

void Pump::take_frames(Client& client, int pidfd) {
  while (client.socket && pending_input_.size() < kMostInput) {
    auto frame = receive_frame(client.socket.get(), false);
    if (!frame && frame.error().error_number() == EAGAIN) return;
    if (!frame) {
      if (client.is_attached) end_input_of(client);
      client.socket.reset();
      return;
    }
    obey(client, *frame, pidfd);
  }
}

// A terminal has no end of input: who left it comes back with attach.
void Pump::end_input_of(const Client& client) {
  const bool gave_input = (client.wants & kWantInput) != 0;
  if (gave_input && streams_.close_in_after_client && !streams_.console) input_ends_ = true;
}

void Pump::obey(Client& client, const Frame& frame, int pidfd) {
  switch (frame.kind) {
    case FrameKind::kAttach:
      client.wants = number_at(frame.payload, 0);
      client.is_attached = true;
      clients_.send(client, FrameKind::kStarted, "");
      break;
    case FrameKind::kInput:
      if (input() && !input_ends_ && (client.wants & kWantInput) != 0) pending_input_ += frame.payload;
      break;
    case FrameKind::kInputEnd:
      end_input_of(client);
      break;
    case FrameKind::kResize: {
      winsize size = {};
      size.ws_row = static_cast<unsigned short>(number_at(frame.payload, 0));
      size.ws_col = static_cast<unsigned short>(number_at(frame.payload, 1));
      if (streams_.console) ::ioctl(streams_.console.get(), TIOCSWINSZ, &size);
      break;
    }
    case FrameKind::kSignal:
      (void)sys::pidfd_send_signal(pidfd, static_cast<int>(number_at(frame.payload, 0)));
      break;
    default:
      client.socket.reset();  // not what a client says
      break;
  }
}

// One read; false when there is nothing (more) to read now.
bool Pump::read_stream(Fd& fd, Stream stream) {
  std::array<char, kMaxPayload> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  if (!fd) return false;
  const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (count <= 0) {
    fd.reset();  // the end of a pipe, or EIO: a console without slaves
    return false;
  }
  const std::string_view bytes(buffer.data(), static_cast<size_t>(count));
  log_.append(stream, bytes);
  const bool is_out = stream == Stream::kOut;
  clients_.broadcast(is_out ? FrameKind::kOutput : FrameKind::kError, bytes,
                     is_out ? kWantOutput : kWantError);
  return true;
}

void Pump::read_streams() {
  constexpr short kReadable = POLLIN | POLLHUP | POLLERR;
  if (streams_.console) {
    if ((events_of(streams_.console.get()) & kReadable) != 0) read_stream(streams_.console, Stream::kOut);
    return;
  }
  if (streams_.out && (events_of(streams_.out.get()) & kReadable) != 0)
    read_stream(streams_.out, Stream::kOut);
  if (streams_.err && (events_of(streams_.err.get()) & kReadable) != 0)
    read_stream(streams_.err, Stream::kErr);
}

void Pump::write_input() {
  Fd& fd = input();
  if (fd && !pending_input_.empty()) {
    const ssize_t count = ::write(fd.get(), pending_input_.data(), pending_input_.size());
    if (count > 0) pending_input_.erase(0, static_cast<size_t>(count));
    if (count < 0 && errno != EAGAIN && errno != EINTR) {  // nobody reads any more
      pending_input_.clear();
      if (!streams_.console) fd.reset();
    }
  }
  if (!fd) pending_input_.clear();
  if (input_ends_ && pending_input_.empty() && !streams_.console) streams_.in.reset();
}

void Pump::drain(int quiet_ms) {
  console_peer_.reset();
  while (streams_.out || streams_.err || streams_.console) {
    entries_.clear();
    add_entry(streams_.out.get(), POLLIN);
    add_entry(streams_.err.get(), POLLIN);
    add_entry(streams_.console.get(), POLLIN);
    const int ready = ::poll(entries_.data(), entries_.size(), quiet_ms);
    if (ready == 0) return;
    if (ready > 0) read_streams();
  }
}

void Pump::finish_clients() {
  while (clients_.has_unsent()) {
    entries_.clear();
    for (const auto& client : clients_.all())
      add_entry(client.socket.get(), client.queue.empty() ? 0 : POLLOUT);
    if (::poll(entries_.data(), entries_.size(), -1) < 0) continue;
    for (auto& client : clients_.all()) {
      const short events = events_of(client.socket.get());
      if ((events & POLLOUT) != 0) clients_.flush(client);
      if ((events & (POLLHUP | POLLERR)) != 0) client.socket.reset();
    }
    clients_.remove_closed();
  }
}

}  // namespace engine
