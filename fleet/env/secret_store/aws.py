"""Secrets in AWS Secrets Manager: one secret a host, its value a JSON object.

The service has no check-and-set of values, and one of labels: a label moves only from the version that is said to have
it. So a new version is written beside the current one first, and AWSCURRENT is moved from the version that was read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from fleet.env.secret_store import protocol
from fleet.env.secret_store.deadline import within
from fleet.env.secret_store.protocol import SECONDS, Stored
from fleet.errors import OperatorError
from fleet.inventory.secret_sources import Aws

LOGIN = "AWS_PROFILE, AWS_ACCESS_KEY_ID, or the role of this machine"
CURRENT, WRITTEN = "AWSCURRENT", "AIPBXWRITTEN"
NONE = ""
_LOGIN_FAILED = {
    "AccessDeniedException",
    "DecryptionFailure",
    "EncryptionFailure",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "UnrecognizedClientException",
}


class AwsStore:
    """The secret of one host. boto3 finds the login and, where it is not AWS itself, the address."""

    def __init__(self, source: Aws, host: str, seconds: float = SECONDS) -> None:
        self._source, self._seconds = source, seconds
        self._id = f"{source.folder}/{host}"
        self.place = f"AWS Secrets Manager {source.region} {self._id}"
        self.to_commit = ""

    def read(self) -> Stored:
        """Return what it has."""
        answer = self._asked(self._read)
        if answer is None:
            return Stored({}, NONE)
        try:
            values = json.loads(answer["SecretString"])
        except (KeyError, ValueError):
            values = None
        if not isinstance(values, dict):
            raise protocol.unknown(self.place, "Its value is not a JSON object.") from None
        protocol.refuse_other_than_text(self.place, values)
        return Stored(values, answer["VersionId"])

    def write(self, values: Mapping[str, str], replaces: str) -> None:
        """Replace all values, if the version `replaces` is still the one that counts."""
        text = json.dumps(dict(values), ensure_ascii=False)
        if replaces == NONE:
            self._asked(lambda client: client.create_secret(Name=self._id, SecretString=text))
        else:
            self._asked(lambda client: self._replace(client, text, replaces))

    def _read(self, client: Any) -> Any:
        try:
            return client.get_secret_value(SecretId=self._id, VersionStage=CURRENT)
        except client.exceptions.ResourceNotFoundException:
            return None

    def _replace(self, client: Any, text: str, replaces: str) -> None:
        new = client.put_secret_value(SecretId=self._id, SecretString=text, VersionStages=[WRITTEN])["VersionId"]
        stage = {"SecretId": self._id, "VersionStage": CURRENT}
        try:
            client.update_secret_version_stage(**stage, MoveToVersionId=new, RemoveFromVersionId=replaces)
        except (client.exceptions.InvalidParameterException, client.exceptions.InvalidRequestException):
            raise protocol.changed(self.place) from None

    def _asked(self, call: Callable[[Any], Any]) -> Any:
        try:
            from botocore import exceptions
        except ImportError:
            raise protocol.missing_library(self.place, "boto3") from None
        try:
            return within(self._seconds, lambda: call(self._client()))
        except (TimeoutError, exceptions.ConnectTimeoutError, exceptions.ReadTimeoutError):
            raise protocol.timed_out(self.place, self._seconds) from None
        except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
            raise protocol.unreachable(self.place, f"No connection ({type(error).__name__}).") from None
        except exceptions.ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise self._said(error.response["Error"]["Code"], status) from None
        except exceptions.BotoCoreError:  # no login, or one that cannot be used
            raise protocol.refused(self.place, LOGIN) from None

    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        # A write is not repeated by itself: its first try may have arrived.
        once = Config(connect_timeout=self._seconds, read_timeout=self._seconds, retries={"total_max_attempts": 1})
        return boto3.session.Session().client("secretsmanager", region_name=self._source.region, config=once)

    def _said(self, code: str, status: int) -> OperatorError:
        """What the service's own error means; its text is not shown, as it may quote what was sent."""
        if code in _LOGIN_FAILED or status in (401, 403):
            return protocol.refused(self.place, LOGIN)
        if code == "ResourceExistsException":
            return protocol.changed(self.place)
        if code == "InvalidRequestException":
            return protocol.unknown(self.place, "It may be marked for deletion: restore it, or wait for that.")
        return protocol.unknown(self.place, f"The service answered with an error ({code}).")
