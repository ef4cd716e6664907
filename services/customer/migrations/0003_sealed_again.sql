-- Chapter three: what identifies a customer may change. Sealed again with another data key (`customer rotate-data-key`),
-- or another name, document or phone, which one teller proposes and another approves: such proposals are rows of the
-- platform's table approvals, with the kind CHANGE_CUSTOMER.
GRANT UPDATE (name_encrypted, document_kind, document_number_encrypted, document_hash, phone_encrypted)
    ON customers TO customer_app;
