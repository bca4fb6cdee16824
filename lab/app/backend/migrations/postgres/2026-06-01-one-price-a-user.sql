-- Against double booking: the model does not say it.
CREATE UNIQUE INDEX IF NOT EXISTS uq_prices_user ON prices ("userId");
