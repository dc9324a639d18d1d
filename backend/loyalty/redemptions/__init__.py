"""Having a reward, using it, paying with points, giving it back."""
