namespace Softswitch.NetFpga.Registers;

/// <summary>A register could not be read or written; the message names the transport, the address and the system's reason.</summary>
internal sealed class RegisterAccessException : IOException
{
    public RegisterAccessException()
    {
    }

    public RegisterAccessException(string message)
        : base(message)
    {
    }

    public RegisterAccessException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
