"""Column types that the tables share."""

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, Identity, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import mapped_column

ShopId = Annotated[int, mapped_column(BigInteger, primary_key=True)]
"""The tenant: the first column of every primary key."""
RowId = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]
Ref = Annotated[int, mapped_column(BigInteger)]
"""The id of another row of the same shop; the composite foreign key stands in the migration."""
Points = Annotated[int, mapped_column(BigInteger)]
Str = Annotated[str, mapped_column(Text)]
At = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Document = Annotated[dict[str, Any], mapped_column(JSONB(none_as_null=True))]
"""None is no document: SQL's null, never JSON's, which constraints take for a value."""
Texts = Annotated[list[str], mapped_column(ARRAY(Text))]
