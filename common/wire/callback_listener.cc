#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <thread>
#include <utility>

#include "common/mutex.h"
#include "common/status.h"
#include "common/wire/backoff.h"
#include "common/wire/channel.h"
#include "common/wire/client_connection.h"

namespace weft::wire {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstReconnect{50};
constexpr milliseconds kMostReconnect{1'000};
constexpr milliseconds kAnswerTimeout{10'000};  // for the server to take an answer

Backoff ReconnectBackoff() { return Backoff(kNoDeadline, kFirstReconnect, kMostReconnect); }

class CallbackListenerImpl final : public CallbackListener {
 public:
  CallbackListenerImpl(ChannelOptions options, Callback callback)
      : options_(std::move(options)), callback_(std::move(callback)), thread_([this] { Run(); }) {}

  ~CallbackListenerImpl() override {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      if (connection_ != nullptr) connection_->socket().Shutdown(SHUT_RDWR);
      stop_.SignalAll();
    }
    thread_.join();
  }

 private:
  void Run() {
    Backoff backoff = ReconnectBackoff();
    std::string last_error;
    do {
      auto connection =
          ClientConnection::Open(options_.address, options_.identity, proto::WIRE_ROLE_CALLBACK,
                                 After(options_.connect_timeout));
      if (connection.ok()) {
        spdlog::debug("{}: callbacks connected", options_.address);
        backoff = ReconnectBackoff();
        last_error.clear();
        ServeUntilBroken(**connection);
      } else if (last_error != MessageOf(connection.status())) {
        last_error = MessageOf(connection.status());
        spdlog::warn("no connection for callbacks: {}", last_error);
      }
    } while (!StopsWithin(backoff.Next()));
  }

  void ServeUntilBroken(ClientConnection& connection) {
    if (!Publish(&connection)) return;
    const absl::Status status = Serve(connection);
    spdlog::debug("{}: callbacks disconnected: {}", options_.address, MessageOf(status));
    Publish(nullptr);
  }

  // Answers calls until the connection breaks; returns why it did.
  absl::Status Serve(ClientConnection& connection) {
    FrameReceiver& receiver = connection.exchange().receiver();
    FrameHead head;
    for (;;) {
      WEFT_ASSIGN_OR_RETURN(const FrameHeader request,
                            receiver.ReceiveHead(connection.socket(), kNoDeadline));
      if (request.kind != FrameKind::kRequest || request.payload_bytes > 0 ||
          request.version != connection.version()) {
        return PosixError(EPROTO, "not a callback");
      }
      std::string reply;
      absl::Status status = callback_(request.method, receiver.message(), &reply);
      FrameHeader answer{.version = connection.version(),
                         .kind = FrameKind::kReply,
                         .method = request.method,
                         .status = ErrnoOf(status),
                         .request_id = request.request_id};
      WEFT_RETURN_IF_ERROR(head.Encode(answer, status.ok() ? reply : MessageOf(status)));
      IovecCursor cursor(head.bytes(), {}, head.bytes().size());
      WEFT_RETURN_IF_ERROR(connection.socket().SendAll(cursor, More::kNo, After(kAnswerTimeout)));
    }
  }

  // Lets the destructor break the connection in use. False where it has begun already.
  bool Publish(ClientConnection* connection) {
    MutexLock lock(&mutex_);
    connection_ = connection;
    return !stopping_;
  }

  bool StopsWithin(milliseconds time) {
    const Deadline deadline = After(time);
    MutexLock lock(&mutex_);
    while (!stopping_ && stop_.WaitUntil(&mutex_, deadline)) {
    }
    return stopping_;
  }

  const ChannelOptions options_;
  const Callback callback_;

  Mutex mutex_;
  CondVar stop_;
  bool stopping_ WEFT_GUARDED_BY(mutex_) = false;
  ClientConnection* connection_ WEFT_GUARDED_BY(mutex_) = nullptr;  // in use by thread_

  std::thread thread_;  // last: it uses all the others
};

}  // namespace

std::unique_ptr<CallbackListener> CallbackListener::Start(ChannelOptions options,
                                                          Callback callback) {
  spdlog::debug("{}: listens for callbacks", options.address);
  return std::make_unique<CallbackListenerImpl>(std::move(options), std::move(callback));
}

}  // namespace weft::wire
