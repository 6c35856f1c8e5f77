// The pilot's two services on SAP's own server, for contract tests. V2 is served below /odata/v2.

@path: 'Z_CAP_SUPPLIERS_SRV'
@requires: 'any'
service Z_CAP_SUPPLIERS_SRV {
  entity SupplierSet {
    key SupplierId   : String(10);
    SupplierName     : String(80);
    Jurisdiction     : String(3);
    Tier             : Integer;
    LastAuditDate    : Date;
    SanctionFlag     : String(1);
    RiskScore        : Decimal(5, 2);
    GrievanceChannel : Boolean;
  }
}

@path: 'Z_CAP_STATUS_SRV'
@requires: 'any'
service Z_CAP_STATUS_SRV {
  entity SupplierStatusSet {
    key RunId      : String(32);
    key SupplierId : String(10);
    Status         : String(4);
    ValidUntil     : Date;
    ManifestHash   : String(80);
    PolicyHash     : String(80);
    IrHash         : String(80);
    RulesJson      : String(5000);
    VerifiedAt     : DateTime;
    @odata.etag
    modifiedAt     : Timestamp @cds.on.update: $now @cds.on.insert: $now;
  }
}
