"""What a net looks for, and what decided: attribution, feature visualisation, diagnosis, surveys."""
