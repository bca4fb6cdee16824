"""Where copies off this host are kept: another host over SFTP, or S3."""
