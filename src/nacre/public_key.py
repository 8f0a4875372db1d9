"""Where programs written for AsyncSSH look for keys: public names under a second address.

Must not hold anything of its own: nothing in nacre imports this.
"""

from __future__ import annotations

from nacre.errors import KeyExportError as KeyExportError
from nacre.errors import KeyGenerationError as KeyGenerationError
from nacre.errors import KeyImportError as KeyImportError
from nacre.keys import SSHCertificate as SSHCertificate
from nacre.keys import SSHKey as SSHKey
from nacre.keys import SSHKeyPair as SSHKeyPair
from nacre.keys import generate_private_key as generate_private_key
from nacre.keys import import_certificate as import_certificate
from nacre.keys import import_private_key as import_private_key
from nacre.keys import import_public_key as import_public_key
from nacre.keys import load_certificates as load_certificates
from nacre.keys import load_keypairs as load_keypairs
from nacre.keys import load_public_keys as load_public_keys
from nacre.keys import read_certificate as read_certificate
from nacre.keys import read_certificate_list as read_certificate_list
from nacre.keys import read_private_key as read_private_key
from nacre.keys import read_private_key_list as read_private_key_list
from nacre.keys import read_public_key as read_public_key
from nacre.keys import read_public_key_list as read_public_key_list
from nacre.keys.resident import load_resident_keys as load_resident_keys
