using System.CommandLine;
using Softswitch.Hosting.Configuration;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Connections;

namespace Softswitch.Commands;

/// <summary>The options of commands that speak TLS, named as Open vSwitch's tools name them.</summary>
internal static class TlsOptions
{
    private static readonly Option<string> PrivateKey = Create("private-key", "-p");
    private static readonly Option<string> Certificate = Create("certificate", "-c");
    private static readonly Option<string> CaCertificate = Create("ca-cert", "-C");
    private static readonly Option<string> BootstrapCaCertificate = Create("bootstrap-ca-cert");

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

    /// <summary>As <c>run</c> has it, in these commands' style.</summary>
    private static Option<string> Create(string name, params string[] aliases)
    {
        SwitchOption option = SwitchOption.All.Single(option => option.Name == name);
        return new Option<string>($"--{name}", aliases)
        {
            HelpName = option.Argument,
            Description = $"{char.ToUpperInvariant(option.Description[0])}{option.Description[1..]}.",
            Recursive = true,
        };
    }
}
