"""The secure channel, without a socket: chunks in, messages out, and back (Part 6, 6.7).

    HELLO --HEL--> READY --OPN--> OPEN --MSG, OPN (renewal)--> OPEN --CLO--> CLOSED

Every token has cryptography of its own, so a renewal cannot be half done: a message is read with the keys
of the token it names, and only when its signature is right does that token become the one we send with.
Whatever is wrong with a chunk ends the channel (Fault); nothing of an unfinished message outlives it.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import count
from typing import Any, Final, NamedTuple, cast

from asyncua import ua
from asyncua.common.connection import MessageChunk
from asyncua.common.utils import Buffer
from asyncua.crypto.security_policies import SecurityPolicy
from asyncua.crypto.uacrypto import InvalidSignature
from asyncua.ua import ua_binary
from cryptography.exceptions import InvalidSignature as InvalidRsaSignature
from cryptography.hazmat.primitives.serialization import Encoding

from controller.opcua.gateway.decoding import MALFORMED, bounded, decode, decode_node_id
from controller.opcua.gateway.security.policies import (
    NONCE_BYTES,
    NONE_URI,
    Identity,
    Policies,
    leaf_of,
    rsa_key_of,
)
from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.settings import Limits

CHUNK_BYTES_MIN: Final = 8_192  # Part 6, 7.1.2.3: nobody may ask for less
URL_BYTES_MAX: Final = 4_096
HELLO_BYTES_MAX: Final = 32 + URL_BYTES_MAX
_OPEN_TYPE: Final = ua.NodeId(cast("Any", ua.ObjectIds.OpenSecureChannelRequest_Encoding_DefaultBinary))
_CHECKS: Final = ua.StatusCodes.BadSecurityChecksFailed
_INVALID: Final = (InvalidSignature, InvalidRsaSignature, *MALFORMED)
_OVERHEAD: Final = 512  # header, padding and signature of a chunk, at most
_numbers = count(secrets.randbelow(2**31))


# Whether a peer's certificate (DER, its chain behind it) is trusted; raises Fault. Called in a thread, after
# the peer has proved that it holds the key.
Trust = Callable[[bytes], None]


class Phase(Enum):
    HELLO = "hello"
    READY = "ready"
    OPEN = "open"
    CLOSED = "closed"


class Message(NamedTuple):
    """A whole message of an open channel. body starts with the type's node id."""

    request_id: int
    body: bytes


@dataclass(slots=True)
class _Token:
    id: int
    policy: SecurityPolicy
    until_s: float  # of the monotonic clock


class Channel:
    """One per connection. `now_s` is the monotonic clock; peer: the address, for limits and the journal."""

    def __init__(
        self, policies: Policies, limits: Limits, peer: str, now_s: Callable[[], float], trust: Trust
    ) -> None:
        self.peer = peer
        self._trust = trust
        self.phase = Phase.HELLO
        self.id = 0
        self.policy_uri = ""
        self.mode = ua.MessageSecurityMode.Invalid
        self.certificate = b""  # the peer's, DER without its chain; empty on a channel without security
        self.chain = b""
        self.endpoint_url = ""
        self.message_bytes_max = limits.opening_bytes
        self.identity: Identity | None = None  # ours, as the peer knows it from when it opened the channel
        self._policies = policies
        self._limits = limits
        self._now_s = now_s
        self._tokens: list[_Token] = []  # the one we send with last; before it older ones, still readable
        self._next: _Token | None = None
        self._sent = 0
        self._received: int | None = None
        self._parts: list[bytes] = []
        self._parts_request = 0
        self._parts_bytes = 0
        self._receive_bytes = limits.chunk_bytes
        self._send_bytes = limits.chunk_bytes
        self._peer_message_bytes = 0
        self._peer_chunks = 0

    # --- facts --------------------------------------------------------------------------------------

    @property
    def secured(self) -> bool:
        return self.phase is Phase.OPEN and self.policy_uri != NONE_URI

    @property
    def encrypted(self) -> bool:
        """Nobody on the way can read along."""
        return self.secured and self.mode == ua.MessageSecurityMode.SignAndEncrypt

    @property
    def mid_message(self) -> bool:
        """The first chunks of a message are here, and not its last."""
        return bool(self._parts)

    @property
    def expired(self) -> bool:
        """The token's time is over, with the quarter that Part 4, 5.6.2 grants on top."""
        return self.phase is Phase.OPEN and self._now_s() > self._tokens[-1].until_s and self._next is None

    def chunk_bytes_max(self) -> int:
        """How large the next chunk may be."""
        return HELLO_BYTES_MAX if self.phase is Phase.HELLO else self._receive_bytes

    # --- hello --------------------------------------------------------------------------------------

    def hello(self, body: bytes) -> bytes:
        """The acknowledgement of a hello. Raises Fault."""
        said: ua.Hello = decode(ua.Hello, bounded(body, 16, 1))
        if len(said.EndpointUrl or "") > URL_BYTES_MAX:
            raise Fault(ua.StatusCodes.BadTcpEndpointUrlInvalid, "the endpoint URL is too long")
        if min(said.ReceiveBufferSize, said.SendBufferSize) < CHUNK_BYTES_MIN:
            raise Fault(ua.StatusCodes.BadTcpInternalError, f"buffers under {CHUNK_BYTES_MIN} bytes")
        self.endpoint_url = said.EndpointUrl or ""
        self._receive_bytes = min(said.SendBufferSize, self._limits.chunk_bytes)
        self._send_bytes = min(said.ReceiveBufferSize, self._limits.chunk_bytes)
        self._peer_message_bytes, self._peer_chunks = said.MaxMessageSize, said.MaxChunkCount
        self.phase = Phase.READY
        answer = ua.Acknowledge(
            ProtocolVersion=cast("ua.UInt32", 0),
            ReceiveBufferSize=cast("ua.UInt32", self._receive_bytes),
            SendBufferSize=cast("ua.UInt32", self._send_bytes),
            MaxMessageSize=cast("ua.UInt32", self._limits.message_bytes),
            MaxChunkCount=cast("ua.UInt32", self._chunks_of(self._limits.message_bytes)),
        )
        return ua_binary.uatcp_to_binary(cast("Any", ua.MessageType.Acknowledge), answer)

    def _chunks_of(self, size: int) -> int:
        """How many chunks a message of this size may take, at the least filling that makes sense."""
        return size // (self._receive_bytes - _OVERHEAD) + 1

    # --- opening and renewal ------------------------------------------------------------------------

    def open(self, chunk: bytes) -> bytes:
        """Answers an OpenSecureChannel chunk: issues or renews a token. Raises Fault."""
        header, buffer = _header_of(chunk)
        if chunk[3:4] != b"F":
            raise Fault(ua.StatusCodes.BadTcpMessageTypeInvalid, "an OPN message has one chunk")
        if self._parts:
            raise Fault(ua.StatusCodes.BadTcpMessageTypeInvalid, "an OPN inside another message")
        security: ua.AsymmetricAlgorithmHeader = decode(
            ua.AsymmetricAlgorithmHeader, bounded(bytes(buffer), 16, 1)
        )
        uri = security.SecurityPolicyURI or ""
        chain = security.SenderCertificate or b""
        if self.phase is Phase.OPEN and (uri != self.policy_uri or chain != self.chain):
            raise Fault(_CHECKS, "a renewal with another policy or certificate")
        reading, peer = self._reader(uri, chain, security.ReceiverCertificateThumbPrint)
        plain = _verified(reading, header, buffer)
        self._count_in(plain.SequenceHeader.SequenceNumber)
        request = self._open_request(plain.Body)
        mode = request.Parameters.SecurityMode
        self._policies.check_mode(uri, mode)
        renewal = request.Parameters.RequestType == ua.SecurityTokenRequestType.Renew
        if renewal != (self.phase is Phase.OPEN) or (renewal and mode != self.mode):
            raise Fault(ua.StatusCodes.BadRequestTypeInvalid, "neither a first token nor its renewal")
        if renewal and header.ChannelId != self.id:
            raise Fault(ua.StatusCodes.BadSecureChannelIdInvalid, "a renewal of another channel")
        if peer is not None:
            self._trust(chain)
        policy = self._policies.make(uri, mode, peer, self.identity)
        result = self._issue(policy, request.Parameters)
        if not renewal:
            self.id, self.policy_uri, self.mode, self.chain = _new_number(), uri, mode, chain
            self.certificate = b"" if peer is None else peer.public_bytes(Encoding.DER)
            self.phase = Phase.OPEN
        result.SecurityToken.ChannelId = cast("ua.UInt32", self.id)
        response = ua.OpenSecureChannelResponse(Parameters=result)
        response.ResponseHeader.RequestHandle = request.RequestHeader.RequestHandle
        response.ResponseHeader.Timestamp = cast("ua.UtcTime", datetime.now(UTC))
        body = ua_binary.struct_to_binary(response)
        return self._seal(policy, 0, plain.SequenceHeader.RequestId, body, ua.MessageType.SecureOpen)

    def _reader(self, uri: str, chain: bytes, thumbprint: bytes | None) -> tuple[SecurityPolicy, Any]:
        """The policy that an OPN is decrypted and verified with, and the peer's certificate."""
        if uri == NONE_URI:
            return self._policies.make(uri, None, None, None), None
        if uri not in self._policies.uris:
            raise Fault(ua.StatusCodes.BadSecurityPolicyRejected, f"the policy {uri[:80]!r} is not offered")
        peer = leaf_of(chain)
        rsa_key_of(peer)
        if self.phase is not Phase.OPEN:
            self.identity = self._policies.identity
        identity = self.identity
        if identity is None or not hmac.compare_digest(identity.thumbprint, thumbprint or b""):
            raise Fault(ua.StatusCodes.BadCertificateInvalid, "encrypted for another server's certificate")
        return self._policies.make(uri, None, peer, identity), peer

    def _open_request(self, body: bytes) -> ua.OpenSecureChannelRequest:
        buffer = bounded(body, 64, 4)
        if decode_node_id(buffer.copy()) != _OPEN_TYPE:
            raise Fault(ua.StatusCodes.BadTcpMessageTypeInvalid, "an OPN message without its request")
        request: ua.OpenSecureChannelRequest = decode(ua.OpenSecureChannelRequest, buffer)
        return request

    def _issue(
        self, policy: SecurityPolicy, asked: ua.OpenSecureChannelParameters
    ) -> ua.OpenSecureChannelResult:
        """Keys from both nonces, and the token that stands for them."""
        theirs = asked.ClientNonce or b""
        ours = b""
        if policy.URI != NONE_URI:
            if len(theirs) != NONCE_BYTES:
                raise Fault(ua.StatusCodes.BadNonceInvalid, f"a nonce of {len(theirs)} bytes")
            ours = secrets.token_bytes(NONCE_BYTES)
        limits = self._limits
        lifetime_s = min(max(asked.RequestedLifetime / 1000, limits.token_s_min), limits.token_s_max)
        policy.make_local_symmetric_key(theirs, ours)  # type: ignore[no-untyped-call]
        policy.make_remote_symmetric_key(ours, theirs, lifetime_s * 1000)  # type: ignore[no-untyped-call]
        token = _Token(_new_number(), policy, self._now_s() + lifetime_s * 1.25)
        if self.phase is Phase.OPEN:
            self._next = token
        else:
            self._tokens = [token]
        result = ua.OpenSecureChannelResult()
        result.ServerNonce = cast("ua.ByteString", ours)
        result.SecurityToken.TokenId = cast("ua.UInt32", token.id)
        result.SecurityToken.CreatedAt = cast("ua.UtcTime", datetime.now(UTC))
        result.SecurityToken.RevisedLifetime = cast("ua.UInt32", int(lifetime_s * 1000))
        return result

    def sign(self, data: bytes) -> ua.SignatureData:
        """With our certificate, as the channel's policy says; empty on a channel without security."""
        signature = ua.SignatureData()
        if self.secured:
            policy = self._tokens[-1].policy
            signature.Algorithm = cast("ua.String", policy.AsymmetricSignatureURI)
            signature.Signature = cast("ua.ByteString", policy.asymmetric_cryptography.signature(data))  # type: ignore[no-untyped-call]
        return signature

    def signed(self, data: bytes, signature: bytes) -> bool:
        """Whether the peer's certificate made this signature. False on a channel without security."""
        if not self.secured:
            return False
        try:
            self._tokens[-1].policy.asymmetric_cryptography.verify(data, signature)  # type: ignore[no-untyped-call]
        except _INVALID:
            return False
        return True

    # --- messages -----------------------------------------------------------------------------------

    def receive(self, chunk: bytes) -> Message | None:
        """A MSG chunk; the message when this was its last one. Raises Fault."""
        header, buffer = _header_of(chunk)
        part = self._opened(header, buffer)
        request_id = part.SequenceHeader.RequestId
        if self._parts and request_id != self._parts_request:
            raise Fault(ua.StatusCodes.BadTcpInternalError, "chunks of two messages mixed")
        final = chunk[3:4]
        if final == b"A":
            self._drop_parts()
            return None
        self._parts_request = request_id
        self._parts_bytes += len(part.Body)
        too_many = len(self._parts) >= self._chunks_of(self.message_bytes_max) + 1
        if self._parts_bytes > self.message_bytes_max or too_many:
            raise Fault(ua.StatusCodes.BadTcpMessageTooLarge, f"over {self.message_bytes_max} bytes")
        self._parts.append(part.Body)
        if final == b"C":
            return None
        body = b"".join(self._parts) if len(self._parts) > 1 else part.Body
        self._drop_parts()
        return Message(request_id, body)

    def closing(self, chunk: bytes) -> None:
        """A CLO chunk: only who holds the keys may close the channel. Raises Fault."""
        self._opened(*_header_of(chunk))
        self.phase = Phase.CLOSED

    def _opened(self, header: ua.Header, buffer: Buffer) -> Any:
        """The chunk, decrypted with the keys of its token and verified."""
        if self.phase is not Phase.OPEN or header.ChannelId != self.id:
            raise Fault(ua.StatusCodes.BadTcpSecureChannelUnknown, "no such channel")
        token = self._token(decode(ua.SymmetricAlgorithmHeader, bounded(bytes(buffer)[:4], 2, 1)).TokenId)
        part = _verified(token.policy, header, buffer)
        if token is self._next:
            self._tokens = [self._tokens[-1], token]
            self._next = None
        self._count_in(part.SequenceHeader.SequenceNumber)
        return part

    def _token(self, number: int) -> _Token:
        for token in (*self._tokens, self._next):
            if token is not None and token.id == number and self._now_s() <= token.until_s:
                return token
        raise Fault(ua.StatusCodes.BadSecureChannelTokenUnknown, "an unknown or expired token")

    def _drop_parts(self) -> None:
        self._parts = []
        self._parts_bytes = 0

    def _count_in(self, number: int) -> None:
        """Numbers rise by one; near 2**32 they start again below 1024 (Part 6, 6.7.2.4)."""
        last = self._received
        wrapped = last is not None and last > 2**32 - 1025 and number < 1024
        if last is not None and number != last + 1 and not wrapped:
            raise Fault(ua.StatusCodes.BadSequenceNumberInvalid, f"chunk {number} after {last}")
        self._received = number

    @property
    def answer_bytes_max(self) -> int:
        """The largest response that `seal` sends: what the peer takes, in bytes and chunks, and our limit."""
        room = self._limits.response_bytes
        if self._peer_message_bytes:
            room = min(room, self._peer_message_bytes)
        if self._peer_chunks and self._tokens:
            crypto = self._tokens[-1].policy.symmetric_cryptography
            room = min(room, self._peer_chunks * MessageChunk.max_body_size(crypto, self._send_bytes))
        return room

    def seal(self, request_id: int, body: bytes) -> bytes:
        """The chunks of a response. Raises Fault(BadResponseTooLarge) when the peer would not take it."""
        if self.phase is not Phase.OPEN:
            raise Fault(ua.StatusCodes.BadSecureChannelClosed, "the channel is closed")
        limit = min(self._peer_message_bytes or len(body), self._limits.response_bytes)
        token = self._tokens[-1]
        crypto = token.policy.symmetric_cryptography
        per_chunk = MessageChunk.max_body_size(crypto, self._send_bytes)
        chunks = -(-len(body) // per_chunk)
        if len(body) > limit or (self._peer_chunks and chunks > self._peer_chunks):
            raise Fault(ua.StatusCodes.BadResponseTooLarge, f"{len(body)} bytes")
        return self._seal(token.policy, token.id, request_id, body, ua.MessageType.SecureMessage)

    def _seal(self, policy: SecurityPolicy, token: int, request_id: int, body: bytes, kind: Any) -> bytes:
        chunks: list[Any] = MessageChunk.message_to_chunks(
            policy, body, self._send_bytes, kind, self.id, request_id, token
        )
        for chunk in chunks:
            self._sent = self._sent % (2**32 - 1) + 1
            chunk.SequenceHeader.SequenceNumber = self._sent
        return b"".join(chunk.to_binary() for chunk in chunks)


def _header_of(chunk: bytes) -> tuple[ua.Header, Buffer]:
    buffer = Buffer(chunk)
    try:
        return ua_binary.header_from_binary(buffer), buffer
    except MALFORMED as error:
        raise Fault(ua.StatusCodes.BadTcpMessageTypeInvalid, str(error)) from None


def _verified(policy: SecurityPolicy, header: ua.Header, buffer: Buffer) -> Any:
    """One error for all that can be wrong, so that nobody learns from it what was."""
    try:
        return MessageChunk.from_header_and_body(policy, header, buffer)
    except _INVALID:
        raise Fault(_CHECKS, "not encrypted or signed by who opened the channel") from None


def _new_number() -> int:
    """Of a channel or token; 1 to 2**32-1, none used twice within hours."""
    return next(_numbers) % (2**32 - 1) + 1
