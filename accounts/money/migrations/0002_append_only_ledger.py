"""The ledger takes new rows alone. Old ones may be deleted by `manage.py pruneledger`, which says so to the trigger."""

from django.db import migrations

GUARD = """
CREATE FUNCTION money_guard_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('agentplatform.prunes_ledger', true) = 'yes' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'The ledger is append-only: % is refused. Old rows go with manage.py pruneledger.', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER money_ledger_is_append_only BEFORE UPDATE OR DELETE ON money_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION money_guard_ledger();
CREATE TRIGGER money_ledger_is_not_emptied BEFORE TRUNCATE ON money_ledgerentry
    FOR EACH STATEMENT EXECUTE FUNCTION money_guard_ledger();
"""
NO_GUARD = """
DROP TRIGGER money_ledger_is_append_only ON money_ledgerentry;
DROP TRIGGER money_ledger_is_not_emptied ON money_ledgerentry;
DROP FUNCTION money_guard_ledger();
"""


class Migration(migrations.Migration):
    dependencies = [("money", "0001_initial")]
    operations = [migrations.RunSQL(GUARD, NO_GUARD)]
