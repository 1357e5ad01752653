using System.CommandLine;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Connections;

namespace Softswitch.Commands;

/// <summary>The options of commands that speak TLS, named as Open vSwitch's tools name them.</summary>
internal static class TlsOptions
{
    private static readonly Option<string> PrivateKey = new("--private-key", "-p")
    {
        HelpName = "FILE",
        Description = "For ssl: and pssl:, our private key in PEM.",
        Recursive = true,
    };

    private static readonly Option<string> Certificate = new("--certificate", "-c")
    {
        HelpName = "FILE",
        Description = "For ssl: and pssl:, the certificate of our private key in PEM.",
        Recursive = true,
    };

    private static readonly Option<string> CaCertificate = new("--ca-cert", "-C")
    {
        HelpName = "FILE",
        Description = "For ssl: and pssl:, the CA that must have signed the peer's certificate, in PEM.",
        Recursive = true,
    };

    private static readonly Option<string> BootstrapCaCertificate = new("--bootstrap-ca-cert")
    {
        HelpName = "FILE",
        Description = "As --ca-cert; while FILE does not exist, the first peer's CA is believed and stored there.",
        Recursive = true,
    };

    public static void AddTo(Command command)
    {
        foreach (Option<string> option in (Option<string>[])[PrivateKey, Certificate, CaCertificate, BootstrapCaCertificate])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Reads the files the target needs.</summary>
    /// <param name="target">As given; what is no target is left for others to refuse.</param>
    /// <returns>Null if it needs none.</returns>
    /// <exception cref="OfClientException">An option is missing, or a file cannot be used.</exception>
    public static TlsCredentials? Load(ParseResult parsed, string target)
    {
        bool needsTls = ConnectionTarget.TryParse(target, out ConnectionTarget? understood, out _) && understood!.NeedsTls;
        string error = TlsFiles.Check(
            parsed.GetValue(PrivateKey) ?? "",
            parsed.GetValue(Certificate) ?? "",
            parsed.GetValue(CaCertificate) ?? "",
            parsed.GetValue(BootstrapCaCertificate) ?? "",
            needsTls ? understood : null,
            out TlsFiles? files);
        if (error.Length > 0)
        {
            throw new OfClientException(error);
        }
        try
        {
            return files is null ? null : TlsCredentials.Load(files);
        }
        catch (TlsException e)
        {
            throw new OfClientException(e.Message, e);
        }
    }
}
