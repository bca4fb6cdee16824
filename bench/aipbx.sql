-- A database like aiPBX's after some years: the tables of its Sequelize models that grow, their keys and indexes, and texts
-- as callers and assistants speak. The same bytes each time, but for timestamps. Fed to psql by bench/backup.py.
SELECT setseed(0.5);
CREATE EXTENSION IF NOT EXISTS vector;

-- Common words are common (the square of a random number leads to them), as in speech.
CREATE TEMP TABLE words AS SELECT word, row_number() OVER () AS id FROM regexp_split_to_table(
  'да нет я вы мы не на в и с что это как по для за к у от до так же но если когда можно нужно есть был будет сейчас '
  'здравствуйте спасибо пожалуйста оператор номер заказ доставка оплата счёт договор сегодня завтра понедельник адрес '
  'телефон скажите подскажите хочу узнать записаться отменить перенести приём врач время утром вечером цена стоимость '
  'рублей тысяч скидка карта наличные курьер склад магазин товар размер цвет возврат гарантия ремонт мастер квартира '
  'дом улица подъезд этаж код домофон перезвоните минуту подождите переключаю специалист отдел продаж поддержка заявка '
  'принята ошибка пароль вход сайт приложение письмо почта документы паспорт полис страховка билет рейс поезд вагон место '
  'бронь гостиница завтрак ужин столик ресторан человек ребёнок взрослых понятно хорошо отлично конечно извините связь '
  'плохо слышно повторите ещё раз правильно неправильно фамилия имя отчество дата рождения анализы результаты готовы '
  'направление справка больничный терапевт хирург стоматолог свободно занято ближайшее удобно подходит записала ждём вас '
  'до свидания всего доброго удачи the a to you is for of and hello thanks order please support invoice payment call '
  'agent transfer account number delivery address status cancel booking tomorrow today morning evening price card email',
  '\s+') AS word;
CREATE TEMP TABLE said AS
SELECT i AS id, (SELECT string_agg(word, ' ') FROM (
    SELECT 1 + floor((SELECT count(*) FROM words) * random() ^ 2) AS id FROM generate_series(1, 5 + i % 17)
  ) AS chosen JOIN words USING (id)) AS words
FROM generate_series(1, 150000) AS i;
CREATE INDEX ON said (id);
ANALYZE said;

CREATE TABLE "aiCdr" (
  id serial PRIMARY KEY, "channelId" varchar(255) NOT NULL UNIQUE, "callerId" varchar(255), "assistantName" varchar(255),
  "assistantId" varchar(255), tokens integer, duration integer, cost double precision NOT NULL DEFAULT 0,
  "userId" varchar(255), "vPbxUserId" varchar(255), "recordUrl" varchar(255),
  "createdAt" timestamptz NOT NULL, "updatedAt" timestamptz NOT NULL);
INSERT INTO "aiCdr" ("channelId", "callerId", "assistantName", "assistantId", tokens, duration, cost, "userId",
  "vPbxUserId", "recordUrl", "createdAt", "updatedAt")
SELECT channel, '7' || (9000000000 + floor(random() * 999999999))::bigint, 'Ассистент ' || i % 400, i % 400,
  floor(random() * 9000), floor(random() * 600), random() * 2, i % 150, 1000 + i % 150,
  'https://aipbx.net/records/' || i % 400 || '/' || channel || '.mp3', moment, moment + interval '3 minutes'
FROM generate_series(1, :calls) AS i,
  LATERAL (SELECT timestamptz '2023-01-01' + i * interval '97 seconds' AS moment) AS at,
  LATERAL (SELECT extract(epoch FROM moment)::bigint || '.' || i AS channel) AS channels;

-- What was said in a call, turn by turn, as the model's API tells it. Long calls go to TOAST.
CREATE TABLE "aiEvents" (
  id serial PRIMARY KEY, "channelId" varchar(255) NOT NULL, "callerId" varchar(255), events json, "userId" varchar(255),
  "vPbxUserId" varchar(255), "createdAt" timestamptz NOT NULL, "updatedAt" timestamptz NOT NULL);
INSERT INTO "aiEvents" ("channelId", "callerId", events, "userId", "vPbxUserId", "createdAt", "updatedAt")
SELECT "channelId", "callerId", events, "userId", "vPbxUserId", "createdAt", "updatedAt"
FROM (
  SELECT call, json_agg(json_build_object('type', CASE turn % 2 WHEN 0 THEN 'conversation.item.input_audio_transcription'
    ELSE 'response.audio_transcript.done' END, 'event_id', 'event_' || md5(call || '.' || turn), 'item_id',
    'item_' || turn, 'transcript', words)) AS events
  FROM (SELECT call, turn, 1 + floor(random() * 150000)::integer AS id FROM generate_series(1, :calls, 3) AS call,
    LATERAL generate_series(1, 3 + floor(-9 * ln(1 - random()))::integer + call % 2) AS turn) AS turns
  JOIN said USING (id) GROUP BY call
) AS spoken JOIN "aiCdr" ON id = call;

CREATE TABLE "aiAnalytics" (
  id serial PRIMARY KEY, "channelId" varchar(255) NOT NULL UNIQUE REFERENCES "aiCdr" ("channelId") ON DELETE CASCADE,
  metrics json NOT NULL, summary text, sentiment varchar(255), csat integer, cost double precision, tokens integer,
  "createdAt" timestamptz NOT NULL, "updatedAt" timestamptz NOT NULL);
INSERT INTO "aiAnalytics" ("channelId", metrics, summary, sentiment, csat, cost, tokens, "createdAt", "updatedAt")
SELECT "channelId", json_build_object('accuracy_and_efficiency', json_build_object('intent_recognition_rate',
    floor(random() * 100), 'dialog_completion_rate', floor(random() * 100)), 'speech_and_interaction_quality',
    json_build_object('average_response_time_ms', floor(random() * 3000), 'interruptions', floor(random() * 9)),
    'scenario_analysis', json_build_object('escalation_reason', a.words, 'success', random() > 0.3)),
  b.words || '. ' || a.words, (ARRAY['Positive', 'Neutral', 'Negative'])[1 + floor(random() * 3)], 1 + floor(random() * 5),
  random() / 10, floor(random() * 3000), "createdAt", "updatedAt"
FROM "aiCdr" JOIN said AS a ON a.id = 1 + "aiCdr".id * 7 % 150000 JOIN said AS b ON b.id = 1 + "aiCdr".id * 11 % 150000
WHERE "aiCdr".id % 3 = 1;

CREATE TABLE "billingRecords" (
  id serial PRIMARY KEY, "channelId" varchar(255) NOT NULL, type varchar(255) NOT NULL, "userId" varchar(255),
  description varchar(255), "audioTokens" integer NOT NULL DEFAULT 0, "textTokens" integer NOT NULL DEFAULT 0,
  "totalTokens" integer NOT NULL DEFAULT 0, "audioCost" double precision NOT NULL DEFAULT 0,
  "textCost" double precision NOT NULL DEFAULT 0, "totalCost" double precision NOT NULL DEFAULT 0,
  currency varchar(8) NOT NULL DEFAULT 'USD', "amountCurrency" numeric(14, 4), "fxRateUsdToCurrency" numeric(18, 8),
  "createdAt" timestamptz NOT NULL, "updatedAt" timestamptz NOT NULL);
INSERT INTO "billingRecords" ("channelId", type, "userId", description, "audioTokens", "textTokens", "totalTokens",
  "audioCost", "textCost", "totalCost", currency, "amountCurrency", "fxRateUsdToCurrency", "createdAt", "updatedAt")
SELECT "channelId", kind, "userId", 'Call ' || "channelId", floor(random() * 3000), floor(random() * 8000),
  floor(random() * 11000), random(), random(), random(), 'RUB', (random() * 90)::numeric(14, 4),
  (80 + random() * 20)::numeric(18, 8), "createdAt", "updatedAt"
FROM "aiCdr", unnest(ARRAY['realtime', 'analytic']) AS kind;
CREATE INDEX billing_records_user_created ON "billingRecords" ("userId", "createdAt");

CREATE TABLE operator_analytics (
  id serial PRIMARY KEY, "userId" varchar(255) NOT NULL, filename varchar(255) NOT NULL, source varchar(255) NOT NULL,
  status varchar(255) NOT NULL, "operatorName" varchar(255), "clientPhone" varchar(255), "projectId" integer,
  language varchar(255), transcription text, metrics json, "customMetrics" jsonb, duration double precision,
  cost double precision, tokens integer, "createdAt" timestamptz NOT NULL, "updatedAt" timestamptz NOT NULL);
INSERT INTO operator_analytics ("userId", filename, source, status, "operatorName", "clientPhone", "projectId", language,
  transcription, metrics, "customMetrics", duration, cost, tokens, "createdAt", "updatedAt")
SELECT call % 150, 'call_' || call || '.mp3', 'api', 'completed', 'Иванова А.', '7' || 9000000000 + call, call % 60, 'ru',
  text, json_build_object('greeting_quality', call % 100, 'script_compliance', call % 97, 'politeness_empathy', call % 89,
    'active_listening', call % 83, 'customer_sentiment', 'Neutral', 'summary', left(text, 200)),
  jsonb_build_object('lead', call % 2 = 0, 'topic', call % 40, 'score', call % 11), random() * 600, random(),
  floor(random() * 5000), moment, moment
FROM (
  SELECT call, string_agg('Клиент: ' || words, E'\n') AS text
  FROM (SELECT call, 1 + floor(random() * 150000)::integer AS id FROM generate_series(1, :calls, 10) AS call,
    LATERAL generate_series(1, 20 + floor(random() * 20)::integer) AS turn) AS turns
  JOIN said USING (id) GROUP BY call
) AS spoken, LATERAL (SELECT timestamptz '2025-01-01' + call * interval '5 minutes' AS moment) AS at;
CREATE INDEX operator_analytics_user ON operator_analytics ("userId");
CREATE INDEX operator_analytics_project ON operator_analytics ("projectId", "createdAt");

CREATE TABLE "knowledgeChunks" (
  id serial PRIMARY KEY, "documentId" integer NOT NULL, "knowledgeBaseId" integer NOT NULL, content text NOT NULL,
  embedding vector(768), metadata jsonb, "createdAt" timestamptz DEFAULT now());
INSERT INTO "knowledgeChunks" ("documentId", "knowledgeBaseId", content, embedding, metadata)
SELECT chunk % 400, chunk % 60, (SELECT string_agg(words, '. ') FROM said WHERE id BETWEEN chunk * 8 AND chunk * 8 + 7),
  (SELECT array_agg((random() + chunk + i - chunk - i - 0.5)::real) FROM generate_series(1, 768) AS i)::vector,
  jsonb_build_object('page', chunk % 90, 'position', chunk)
FROM generate_series(1, :chunks) AS chunk;
CREATE INDEX idx_chunks_embedding ON "knowledgeChunks" USING ivfflat (embedding vector_cosine_ops) WITH (lists = 100);
CREATE INDEX idx_chunks_kb ON "knowledgeChunks" ("knowledgeBaseId");
CREATE INDEX idx_chunks_document ON "knowledgeChunks" ("documentId");

VACUUM ANALYZE;
CHECKPOINT;
