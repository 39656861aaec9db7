"""What a stranger may ask: which endpoints there are and who we are (Part 4, 5.5)."""

from __future__ import annotations

from typing import Any, Final, cast
from urllib.parse import urlsplit

from asyncua import ua

from controller.opcua.gateway.security.policies import NONE_URI, Policies
from controller.opcua.gateway.settings import PRODUCT_URI, Settings

TRANSPORT: Final = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary"
ANONYMOUS, USERNAME, CERTIFICATE = "anonymous", "username", "certificate"
_LEVELS: Final = {"Aes256_Sha256_RsaPss": 60, "Basic256Sha256": 40, "Aes128_Sha256_RsaOaep": 20}
HOST_MAX: Final = 255


class Endpoints:
    """Describes what is served. port: the one we listen on, known after the socket is bound."""

    def __init__(self, settings: Settings, policies: Policies, port: int) -> None:
        self._settings = settings
        self._policies = policies
        self._port = port

    def url(self, asked: str) -> str:
        """With the host that the client reached us by: names and addresses differ by network."""
        return f"opc.tcp://{_host_of(asked) or self._settings.name}:{self._port}"

    def server(self, asked: str) -> ua.ApplicationDescription:
        settings = self._settings
        return ua.ApplicationDescription(
            ApplicationUri=cast("ua.String", settings.application_uri),
            ProductUri=cast("ua.String", PRODUCT_URI),
            ApplicationName=ua.LocalizedText(settings.application_name, "en"),
            ApplicationType=ua.ApplicationType.Server,
            DiscoveryUrls=[cast("ua.String", self.url(asked))],
        )

    def all(self, asked: str) -> list[ua.EndpointDescription]:
        """The strongest first, since many clients take the first."""
        found = [
            self._endpoint(asked, uri, mode) for uri in self._policies.uris for mode in self._policies.modes
        ]
        if self._settings.plain == "read":
            found.append(self._endpoint(asked, NONE_URI, ua.MessageSecurityMode.None_))
        return sorted(found, key=lambda endpoint: -endpoint.SecurityLevel)

    def _endpoint(self, asked: str, uri: str, mode: ua.MessageSecurityMode) -> ua.EndpointDescription:
        identity = self._policies.identity
        level = _LEVELS.get(uri.rpartition("#")[2], 0)
        if mode == ua.MessageSecurityMode.SignAndEncrypt:
            level += 10
        return ua.EndpointDescription(
            EndpointUrl=cast("ua.String", self.url(asked)),
            Server=self.server(asked),
            ServerCertificate=cast("Any", identity.chain if identity is not None else b""),
            SecurityMode=mode,
            SecurityPolicyUri=cast("ua.String", uri),
            UserIdentityTokens=self._tokens(uri),
            TransportProfileUri=cast("ua.String", TRANSPORT),
            SecurityLevel=cast("ua.Byte", level),
        )

    def _tokens(self, uri: str) -> list[ua.UserTokenPolicy]:
        """Without security nobody is asked for a password: it would be read on the way."""
        found = []
        if self._settings.anonymous:
            found.append(_token(ANONYMOUS, ua.UserTokenType.Anonymous, None))
        if uri != NONE_URI:
            found.append(_token(USERNAME, ua.UserTokenType.UserName, uri))
            found.append(_token(CERTIFICATE, ua.UserTokenType.Certificate, uri))
        return found


def _token(name: str, kind: ua.UserTokenType, uri: str | None) -> ua.UserTokenPolicy:
    """uri: the policy its secret is encrypted or its signature made with; the channel's own."""
    return ua.UserTokenPolicy(
        PolicyId=cast("ua.String", name), TokenType=kind, SecurityPolicyUri=cast("ua.String", uri)
    )


def _host_of(url: str) -> str:
    """The host of an endpoint URL; '' when there is none to be used."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme != "opc.tcp" or not 0 < len(host) <= HOST_MAX or not host.isascii():
        return ""
    if ":" in host:
        return f"[{host}]"
    return host if all(letter.isalnum() or letter in "-._" for letter in host) else ""


async def get_endpoints(endpoints: Endpoints, request: ua.GetEndpointsRequest) -> ua.GetEndpointsResponse:
    """Those of the transport profiles asked for; none asked for means all."""
    asked = request.Parameters
    wanted = asked.ProfileUris or []
    found = endpoints.all(asked.EndpointUrl or "") if not wanted or TRANSPORT in wanted else []
    return ua.GetEndpointsResponse(Endpoints=found)


async def find_servers(endpoints: Endpoints, request: ua.FindServersRequest) -> ua.FindServersResponse:
    """Ourselves, when any or our own URI is asked for."""
    asked = request.Parameters
    server = endpoints.server(asked.EndpointUrl or "")
    wanted = asked.ServerUris or []
    return ua.FindServersResponse(Servers=[server] if not wanted or server.ApplicationUri in wanted else [])
