"""The methods themselves, registered through entry points as any third party's are."""
