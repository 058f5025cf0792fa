-- What a notice tells its holder alone: the hash of the credential that was shown, and the reasons of the answer.

ALTER TABLE notices ADD COLUMN token_hash TEXT;
ALTER TABLE notices ADD COLUMN reasons TEXT;
