#include "namespaces/route_socket.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace namespaces {
namespace {

// Takes one datagram apart. True when it has ended the answer.
Result<bool> take_messages(std::string_view datagram, std::vector<RouteAnswer>& answers) {
  while (datagram.size() >= NLMSG_HDRLEN) {
    nlmsghdr header = {};
    std::memcpy(&header, datagram.data(), sizeof header);
    if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > datagram.size())
      return corrupt("rtnetlink: a message is cut");
    const std::string_view body = datagram.substr(NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN);
    if (header.nlmsg_type == NLMSG_DONE) return true;
    if (header.nlmsg_type == NLMSG_ERROR) {
      int error = 0;
      if (body.size() < sizeof error) return corrupt("rtnetlink: a message is cut");
      std::memcpy(&error, body.data(), sizeof error);
      if (error == 0) return true;
      return Error::from_errno("rtnetlink", -error);
    }
    answers.push_back({header.nlmsg_type, std::string(body)});
    const size_t step = NLMSG_ALIGN(header.nlmsg_len);
    if (step >= datagram.size()) break;
    datagram.remove_prefix(step);
  }
  return false;
}

}  // namespace

void RouteMessage::append(std::string_view data) {
  bytes_.append(data);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()), '\0');
}

void RouteMessage::add(uint16_t attribute, std::string_view value) {
  const rtattr head = {static_cast<uint16_t>(RTA_LENGTH(value.size())), attribute};
  bytes_.append(reinterpret_cast<const char*>(&head), sizeof head);
  append(value);
}

void RouteMessage::add(uint16_t attribute, uint32_t value) {
  add(attribute, std::string_view(reinterpret_cast<const char*>(&value), sizeof value));
}

void RouteMessage::add_text(uint16_t attribute, const std::string& text) {
  add(attribute, std::string_view(text.c_str(), text.size() + 1));
}

std::string_view RouteMessage::finished() {
  header().nlmsg_len = static_cast<uint32_t>(bytes_.size());
  return bytes_;
}

Result<RouteSocket> RouteSocket::open() {
  RouteSocket result;
  result.socket_ = Fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!result.socket_) return Error::from_errno("socket AF_NETLINK", errno);
  return result;
}

Result<std::vector<RouteAnswer>> RouteSocket::ask(RouteMessage message) const {
  const std::string_view bytes = message.finished();
  if (::send(socket_.get(), bytes.data(), bytes.size(), 0) < 0)
    return Error::from_errno("send to rtnetlink", errno);
  std::vector<RouteAnswer> answers;
  std::array<char, 65536> buffer = {};
  for (;;) {
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno("receive from rtnetlink", errno);
    const bool ended = TRY(take_messages({buffer.data(), static_cast<size_t>(count)}, answers));
    if (ended) return answers;
  }
}

std::string_view find_attribute(std::string_view attributes, uint16_t type) {
  while (attributes.size() >= sizeof(rtattr)) {
    rtattr head = {};
    std::memcpy(&head, attributes.data(), sizeof head);
    if (head.rta_len < sizeof head || head.rta_len > attributes.size()) break;
    if (head.rta_type == type) return attributes.substr(RTA_LENGTH(0), head.rta_len - RTA_LENGTH(0));
    const size_t step = RTA_ALIGN(head.rta_len);
    if (step >= attributes.size()) break;
    attributes.remove_prefix(step);
  }
  return {};
}

}  // namespace namespaces
